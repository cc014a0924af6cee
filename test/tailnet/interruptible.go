package main

import (
	"net"
	"sync"
)

// A listener that can be away: its connections are cut, and new ones are closed at once.
type interruptible struct {
	net.Listener
	mu   sync.Mutex
	away bool
	open map[net.Conn]bool
}

func (l *interruptible) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		if l.away {
			conn.Close()
			l.mu.Unlock()
			continue
		}
		tracked := &trackedConn{conn, l}
		l.open[tracked] = true
		l.mu.Unlock()
		return tracked, nil
	}
}

func (l *interruptible) setAway(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
	if away {
		for conn := range l.open {
			conn.(*trackedConn).Conn.Close()
			delete(l.open, conn)
		}
	}
}

type trackedConn struct {
	net.Conn
	from *interruptible
}

func (c *trackedConn) Close() error {
	c.from.mu.Lock()
	delete(c.from.open, c)
	c.from.mu.Unlock()
	return c.Conn.Close()
}
