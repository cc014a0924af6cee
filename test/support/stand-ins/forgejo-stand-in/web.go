package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type Server struct {
	config *Config
	store  *Store
}

// serve is `forgejo web`: until SIGTERM, then what is under way has GRACEFUL_HAMMER_TIME.
func serve(config *Config) error {
	log.SetOutput(os.Stdout)
	log.Printf("Forgejo version: %s", version)
	store, err := openStore(config)
	if err != nil {
		return err
	}
	server := &Server{config, store}
	if err := server.prepareFolders(); err != nil {
		return err
	}
	if config.get("server/START_SSH_SERVER") == "true" {
		listener, err := server.listenSSH()
		if err != nil {
			return err
		}
		defer listener.Close()
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(config.get("server/HTTP_ADDR"), config.get("server/HTTP_PORT")))
	if err != nil {
		return err
	}
	log.Printf("Listen: http://%s", listener.Addr())
	web := &http.Server{Handler: server.routes()}
	stopped, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-stopped.Done():
	}
	hammer, _ := time.ParseDuration(config.get("server/GRACEFUL_HAMMER_TIME"))
	within, cancelWithin := context.WithTimeout(context.Background(), hammer)
	defer cancelWithin()
	log.Printf("PID: %d Forgejo Web Finished", os.Getpid())
	return web.Shutdown(within)
}

// prepareFolders makes what Forgejo makes, and gives git the settings of [git.config].
func (s *Server) prepareFolders() error {
	for _, folder := range []string{s.config.get("repository/ROOT"), s.config.home(), filepath.Dir(s.config.get("server/SSH_SERVER_HOST_KEYS"))} {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
	}
	for key, value := range (*s.config)["git.config"] {
		if err := s.git("config", "--global", key, value).Run(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) git(args ...string) *exec.Cmd {
	command := exec.Command("git", args...)
	command.Env = append(os.Environ(), "HOME="+s.config.home())
	command.Dir = s.config.home()
	return command
}
