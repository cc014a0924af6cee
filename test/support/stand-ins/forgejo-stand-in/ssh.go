package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"path"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

// listenSSH is Forgejo's built-in ssh server: public keys of accounts, git's two commands, nothing else.
func (s *Server) listenSSH() (net.Listener, error) {
	signer, err := hostKey(s.config.get("server/SSH_SERVER_HOST_KEYS"))
	if err != nil {
		return nil, err
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		var owner string
		err := s.store.QueryRow(`SELECT u.name FROM public_key k JOIN "user" u ON u.id = k.uid WHERE content = $1`,
			strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))).Scan(&owner)
		if err != nil || c.User() != s.config.get("server/BUILTIN_SSH_SERVER_USER") {
			return nil, errors.New("unknown key or user")
		}
		return &ssh.Permissions{Extensions: map[string]string{"owner": owner}}, nil
	}}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", net.JoinHostPort(s.config.get("server/SSH_LISTEN_HOST"), s.config.get("server/SSH_LISTEN_PORT")))
	if err != nil {
		return nil, err
	}
	log.Printf("Listen: ssh://%s", listener.Addr())
	go func() {
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serveSSH(raw, config)
		}
	}()
	return listener, nil
}

func (s *Server) serveSSH(raw net.Conn, config *ssh.ServerConfig) {
	connection, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		raw.Close()
		return
	}
	defer connection.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			defer channel.Close()
			for request := range requests {
				if request.Type != "exec" {
					request.Reply(request.Type == "env", nil)
					continue
				}
				request.Reply(true, nil)
				var payload struct{ Command string }
				ssh.Unmarshal(request.Payload, &payload)
				status := s.runGit(payload.Command, connection.Permissions.Extensions["owner"], channel)
				channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
				return
			}
		}()
	}
}

var gitCommand = regexp.MustCompile(`^git[- ](upload-pack|receive-pack) '/?([^']+)'$`)

func (s *Server) runGit(line, owner string, channel ssh.Channel) uint32 {
	match := gitCommand.FindStringSubmatch(line)
	if match == nil {
		io.WriteString(channel.Stderr(), "Forgejo: unknown command\n")
		return 1
	}
	user, name := path.Split(strings.TrimSuffix(match[2], ".git"))
	user = strings.TrimSuffix(user, "/")
	if !strings.EqualFold(user, owner) || !nameForm.MatchString(name) {
		io.WriteString(channel.Stderr(), "Forgejo: cannot find repository\n")
		return 1
	}
	command := s.git(match[1], s.repositoryPath(user, name))
	command.Stdout, command.Stderr = channel, channel.Stderr()
	input, err := command.StdinPipe()
	if err != nil || command.Start() != nil {
		return 1
	}
	go func() {
		io.Copy(input, channel)
		input.Close()
	}()
	if command.Wait() != nil {
		return 1
	}
	return 0
}

// normalKey is the key's line without its comment.
func normalKey(line string) (string, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}

func hostKey(file string) (ssh.Signer, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		text = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		if err := os.WriteFile(file+".new", text, 0o600); err != nil {
			return nil, err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	return ssh.ParsePrivateKey(text)
}
