package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"time"
)

func createUserCommand(args []string) error {
	flags := flag.NewFlagSet("create", flag.ContinueOnError)
	name := flags.String("username", "", "")
	email := flags.String("email", "", "")
	password := flags.String("password", "", "")
	isAdmin := flags.Bool("admin", false, "")
	isRandom := flags.Bool("random-password", false, "")
	length := flags.Int("random-password-length", 12, "")
	mustChange := flags.Bool("must-change-password", true, "")
	config, err := parse(flags, args)
	if err != nil {
		return err
	}
	if *name == "" || *email == "" || (*password == "") != *isRandom {
		return errors.New("--username, --email, and either --password or --random-password must be set")
	}
	store, err := openStore(config)
	if err != nil {
		return err
	}
	if *isRandom {
		*password = randomHex(*length)[:*length]
		fmt.Printf("generated random password is '%s'\n", *password)
	}
	if err := store.createUser(*name, *email, *password, *isAdmin, *mustChange); err != nil {
		return err
	}
	fmt.Printf("New user '%s' has been successfully created!\n", *name)
	return nil
}

func generateAccessTokenCommand(args []string) error {
	flags := flag.NewFlagSet("generate-access-token", flag.ContinueOnError)
	name := flags.String("username", "", "")
	tokenName := flags.String("token-name", "gitea-admin", "")
	scopes := flags.String("scopes", "all", "")
	isRaw := flags.Bool("raw", false, "")
	config, err := parse(flags, args)
	if err != nil {
		return err
	}
	store, err := openStore(config)
	if err != nil {
		return err
	}
	u, err := store.findUser(*name)
	if err != nil {
		return err
	}
	if u == nil {
		return fmt.Errorf("user does not exist [uid: 0, name: %s]", *name)
	}
	token, err := store.createToken(u, *tokenName, *scopes)
	if err != nil {
		return err
	}
	if *isRaw {
		fmt.Println(token)
	} else {
		fmt.Println("Access token was successfully created: " + token)
	}
	return nil
}

func generateSecret(kind string) error {
	key := make([]byte, 32)
	rand.Read(key)
	encode := base64.RawURLEncoding.EncodeToString
	switch kind {
	case "SECRET_KEY":
		fmt.Print(randomHex(32))
	case "JWT_SECRET", "LFS_JWT_SECRET":
		fmt.Print(encode(key))
	case "INTERNAL_TOKEN":
		body := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(fmt.Appendf(nil, `{"nbf":%d}`, time.Now().Unix()))
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(body))
		fmt.Print(body + "." + encode(mac.Sum(nil)))
	default:
		return fmt.Errorf("unknown secret %q", kind)
	}
	return nil
}
