package main

import (
	"net"

	"golang.org/x/net/dns/dnsmessage"
)

// A name server that knows no name but answers each question: the network's own, before a tailnet's takes over.
func serveNames(address string) {
	socket, err := net.ListenPacket("udp", address)
	must(err)
	buffer := make([]byte, 1500)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(buffer[:n]) != nil {
			continue
		}
		answer := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: question.ID, Response: true, RecursionAvailable: true},
			Questions: question.Questions,
		}
		for _, asked := range question.Questions {
			header := dnsmessage.ResourceHeader{Name: asked.Name, Type: dnsmessage.TypeNS, Class: asked.Class, TTL: 60}
			body := &dnsmessage.NSResource{NS: dnsmessage.MustNewName("a.root-servers.test.")}
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: body})
		}
		if packed, err := answer.Pack(); err == nil {
			socket.WriteTo(packed, from)
		}
	}
}
