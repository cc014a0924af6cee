// A stand-in for Forgejo, for vmkit's tests of the plumbing around it. It is not Forgejo.
//
// It takes Forgejo's commands, reads app.ini strictly, keeps accounts, tokens and repositories in PostgreSQL and on disk, and serves
// git over HTTP and ssh. Where Forgejo is lenient, it refuses: whatever vmkit generates must be right, not just good enough.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const version = "0.0.0 (forgejo-stand-in, not Forgejo)"

func main() {
	recordCall()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "Command error: %v\n", err)
		os.Exit(1)
	}
}

// recordCall writes what others can see of this process, its words and its environment, to a file that a test reads.
func recordCall() {
	home := os.Getenv("HOME")
	if home == "" {
		return
	}
	file, err := os.OpenFile(filepath.Join(home, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	fmt.Fprintln(file, strings.Join(append(os.Args, os.Environ()...), "\n"))
}

func run(args []string) error {
	switch {
	case len(args) == 1 && (args[0] == "--version" || args[0] == "-v"):
		fmt.Println("Forgejo version " + version)
		return nil
	case len(args) >= 1 && args[0] == "web":
		config, err := parse(flag.NewFlagSet("web", flag.ContinueOnError), args[1:])
		if err != nil {
			return err
		}
		return serve(config)
	case len(args) >= 3 && args[0] == "admin" && args[1] == "user" && args[2] == "create":
		return createUserCommand(args[3:])
	case len(args) >= 3 && args[0] == "admin" && args[1] == "user" && args[2] == "generate-access-token":
		return generateAccessTokenCommand(args[3:])
	case len(args) >= 1 && args[0] == "migrate":
		return maintainCommand("migrate", args[1:])
	case len(args) >= 2 && args[0] == "doctor" && args[1] == "check":
		return maintainCommand("doctor", args[2:])
	case len(args) >= 3 && args[0] == "admin" && args[1] == "regenerate" && args[2] == "hooks":
		return maintainCommand("hooks", args[3:])
	case len(args) == 3 && args[0] == "generate" && args[1] == "secret":
		return generateSecret(args[2])
	}
	return fmt.Errorf("the stand-in does not know the command %q", strings.Join(args, " "))
}

// parse reads the flags of a command, and the configuration that --config names.
func parse(flags *flag.FlagSet, args []string) (*Config, error) {
	path := flags.String("config", "", "")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *path == "" {
		return nil, errors.New("the stand-in wants --config")
	}
	return readConfig(*path)
}
