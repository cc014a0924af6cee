package main

import (
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/key"
)

// Forgets the newest nodes whose host names begin with prefix, as a real control server forgets an ephemeral node that logs out. Upstream's keeps
// each for ever: all nodes go on trying to reach it, and an emulated guest is half as fast after six of them. It counts its nodes to number the next one, so only the newest can go.
func forget(control *testcontrol.Server, prefix string) {
	mu := private[sync.Mutex](control, "mu")
	nodes := *private[map[key.NodePublic]*tailcfg.Node](control, "nodes")
	users := *private[map[key.NodePublic]*tailcfg.User](control, "users")
	logins := *private[map[key.NodePublic]*tailcfg.Login](control, "logins")
	mu.Lock()
	isAny := false
	for again := true; again; {
		again = false
		for nodeKey, n := range nodes {
			if int(n.ID) == len(nodes) && strings.HasPrefix(n.Hostinfo.Hostname(), prefix) {
				delete(nodes, nodeKey)
				delete(users, nodeKey)
				delete(logins, nodeKey)
				again, isAny = true, true
			}
		}
	}
	mu.Unlock()
	// All others are told with it.
	if others := control.AllNodes(); isAny && len(others) > 0 {
		control.UpdateNode(others[0])
	}
}

// A field of upstream's that is not exported.
func private[T any](control *testcontrol.Server, name string) *T {
	return (*T)(unsafe.Pointer(reflect.ValueOf(control).Elem().FieldByName(name).UnsafeAddr()))
}
