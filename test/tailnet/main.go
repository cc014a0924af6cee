// A tailnet for tests: upstream's own test control server, a DERP relay and a STUN server at one address.
//
//	VMKIT_TEST_AUTH_KEY=KEY tailnet 10.99.0.1
//
// The first line on standard output says where the control server is; then each line on standard input is a command, answered by one line.
// The auth key is asked of nodes that are known, too, unlike by a real control server, so `key` lifts it after a login.
// It ends when standard input does. Nothing of Tailscale is imitated here.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"time"

	"tailscale.com/derp/derpserver"
	"tailscale.com/net/stunserver"
	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/dnstype"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

type command struct {
	Do      string   // nodes, key, approve, resolvers, expire, away, names, filter, certificates, hide, show, forget
	Key     string   // of key: what a login must give; empty: nothing
	Node    string   // a host name; of forget: how it begins
	Routes  []string // of approve
	Expired bool
	// Name servers of the tailnet.
	Resolvers []string
	What      string // of away: control or derp
	Away      bool
	On        bool   // of names: whether nodes resolve the names of the tailnet
	First     uint16 // of filter: the ports that the node lets in, and no others
	Last      uint16
	From      string // of hide and show: the host name of the node that is told of Node no longer, or again
}

type node struct {
	Name      string
	Addresses []netip.Prefix
	Wants     []netip.Prefix // the routes that it advertises
	Expired   bool
}

func main() {
	log.SetOutput(os.Stderr)
	address := os.Args[1]
	derpLines, derpPort := listen(address)
	relay := derpserver.New(key.NewNode(), logger.Discard)
	relayHTTP := httptest.NewUnstartedServer(derpserver.Handler(relay))
	relayHTTP.Listener.Close()
	relayHTTP.Listener = derpLines
	relayHTTP.Config.ErrorLog = logger.StdLogger(logger.Discard)
	relayHTTP.StartTLS()

	stun := stunserver.New(context.Background())
	must(stun.Listen(net.JoinHostPort(address, "0")))
	go stun.Serve()
	go serveNames(net.JoinHostPort(address, "53"))

	lines, port := listen(address)
	control := &testcontrol.Server{
		Logf:            logger.Discard,
		RequireAuthKey:  os.Getenv("VMKIT_TEST_AUTH_KEY"),
		ExplicitBaseURL: fmt.Sprintf("http://%s:%d", address, port),
		MagicDNSDomain:  "tailnet.test",
		DNSConfig:       &tailcfg.DNSConfig{Proxied: true},
		AllOnline:       true,
		DERPMap: &tailcfg.DERPMap{OmitDefaultRegions: true, Regions: map[int]*tailcfg.DERPRegion{1: {
			RegionID: 1, RegionCode: "test", RegionName: "test",
			Nodes: []*tailcfg.DERPNode{{
				Name: "1a", RegionID: 1, HostName: address, IPv4: address, IPv6: "none",
				DERPPort: derpPort, STUNPort: stun.LocalAddr().(*net.UDPAddr).Port, STUNTestIP: address, InsecureForTests: true,
			}},
		}}},
	}
	// Upstream's panics at what it does not know, such as somebody who only asks whether it is there.
	front := http.NewServeMux()
	front.Handle("/", control)
	front.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	go http.Serve(lines, front)

	say := json.NewEncoder(os.Stdout)
	say.Encode(map[string]string{"loginServer": control.BaseURL()})
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var c command
		must(json.Unmarshal(input.Bytes(), &c))
		switch c.Do {
		case "nodes":
			say.Encode(nodesOf(control))
			continue
		case "key":
			control.RequireAuthKey = c.Key
		case "approve":
			routes := []netip.Prefix{}
			for _, text := range c.Routes {
				routes = append(routes, netip.MustParsePrefix(text))
			}
			for _, n := range control.AllNodes() {
				if n.Hostinfo.Hostname() == c.Node {
					control.SetSubnetRoutes(n.Key, routes)
				}
			}
		case "resolvers":
			control.DNSConfig.Resolvers = nil
			for _, address := range c.Resolvers {
				control.DNSConfig.Resolvers = append(control.DNSConfig.Resolvers, &dnstype.Resolver{Addr: address})
			}
			for _, n := range control.AllNodes() {
				control.UpdateNode(n)
			}
		case "names":
			control.DNSConfig.Proxied = c.On
			for _, n := range control.AllNodes() {
				control.UpdateNode(n)
			}
		// After these a node is told nothing more but by them (AddRawMapResponse).
		case "filter":
			ports := tailcfg.NetPortRange{IP: "*", Ports: tailcfg.PortRange{First: c.First, Last: c.Last}}
			rules := []tailcfg.FilterRule{{SrcIPs: []string{"*"}, DstPorts: []tailcfg.NetPortRange{ports}}}
			tell(control, c.Node, &tailcfg.MapResponse{PacketFilter: rules})
		case "certificates":
			dns := &tailcfg.DNSConfig{Proxied: true}
			if c.On {
				dns.CertDomains = []string{c.Node + ".tailnet.test"}
			}
			tell(control, c.Node, &tailcfg.MapResponse{DNSConfig: dns})
		case "hide":
			hidden := []tailcfg.NodeID{named(control, c.Node).ID}
			tell(control, c.From, &tailcfg.MapResponse{PeersRemoved: hidden})
		case "show":
			tell(control, c.From, &tailcfg.MapResponse{PeersChanged: []*tailcfg.Node{named(control, c.Node)}})
		case "forget":
			forget(control, c.Node)
		case "expire":
			control.SetExpireAllNodes(c.Expired)
		case "away":
			map[string]*interruptible{"control": lines, "derp": derpLines}[c.What].setAway(c.Away)
		}
		say.Encode(map[string]bool{"done": true})
	}
}

// A node that has lost the control server comes back after a while.
func tell(control *testcontrol.Server, name string, response *tailcfg.MapResponse) {
	key := named(control, name).Key
	for tried := 0; tried < 50 && !control.AddRawMapResponse(key, response); tried++ {
		time.Sleep(500 * time.Millisecond)
	}
}

func named(control *testcontrol.Server, name string) *tailcfg.Node {
	for _, n := range control.AllNodes() {
		if n.Hostinfo.Hostname() == name {
			return n
		}
	}
	log.Fatalf("no node %s", name)
	return nil
}

func nodesOf(control *testcontrol.Server) []node {
	nodes := []node{}
	for _, n := range control.AllNodes() {
		expired := !n.KeyExpiry.IsZero() && n.KeyExpiry.Before(time.Now())
		nodes = append(nodes, node{n.Hostinfo.Hostname(), n.Addresses, n.Hostinfo.RoutableIPs().AsSlice(), expired})
	}
	return nodes
}

func listen(address string) (*interruptible, int) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	must(err)
	return &interruptible{Listener: l, open: map[net.Conn]bool{}}, l.Addr().(*net.TCPAddr).Port
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
