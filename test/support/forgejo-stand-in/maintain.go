package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// maintainCommand is migrate, doctor check and admin regenerate hooks: each opens the database as the server does.
func maintainCommand(name string, args []string) error {
	config, err := parse(flag.NewFlagSet(name, flag.ContinueOnError), args)
	if err != nil {
		return err
	}
	store, err := openStore(config)
	if err != nil {
		return err
	}
	defer store.Close()
	if name != "hooks" {
		return nil
	}
	repositories, err := filepath.Glob(filepath.Join(config.get("repository/ROOT"), "*", "*.git"))
	if err != nil {
		return err
	}
	for _, repository := range repositories {
		hook := filepath.Join(repository, "hooks", "post-receive")
		if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(hook, []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
			return fmt.Errorf("regenerating hooks: %w", err)
		}
	}
	return nil
}
