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
	if name == "doctor" {
		// Forgejo's, services/doctor/paths.go: each is required and to be written to, whatever is logged where.
		for _, folder := range []string{config.get("repository/ROOT"), config.get("server/APP_DATA_PATH"), filepath.Join(config.get("/WORK_PATH"), "log")} {
			if _, err := os.Stat(folder); err != nil {
				return fmt.Errorf("1 configuration files with errors: %w", err)
			}
		}
	}
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
