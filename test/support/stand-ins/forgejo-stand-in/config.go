package main

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is app.ini: section → key → value. The section without a name is "".
type Config map[string]map[string]string

// known holds the keys that the stand-in takes, all of them keys of Forgejo (custom/conf/app.example.ini).
var known = map[string]string{
	"":                    "APP_NAME RUN_USER RUN_MODE WORK_PATH",
	"server":              "PROTOCOL DOMAIN ROOT_URL HTTP_ADDR HTTP_PORT LOCAL_ROOT_URL START_SSH_SERVER BUILTIN_SSH_SERVER_USER SSH_DOMAIN SSH_LISTEN_HOST SSH_PORT SSH_LISTEN_PORT SSH_SERVER_HOST_KEYS OFFLINE_MODE APP_DATA_PATH LFS_START_SERVER LFS_JWT_SECRET ALLOW_GRACEFUL_RESTARTS GRACEFUL_HAMMER_TIME",
	"database":            "DB_TYPE HOST NAME USER PASSWD SSL_MODE MAX_OPEN_CONNS",
	"security":            "INSTALL_LOCK SECRET_KEY INTERNAL_TOKEN",
	"oauth2":              "JWT_SECRET",
	"log":                 "MODE LEVEL",
	"service":             "DISABLE_REGISTRATION",
	"openid":              "ENABLE_OPENID_SIGNIN ENABLE_OPENID_SIGNUP",
	"repository":          "ROOT",
	"indexer":             "ISSUE_INDEXER_TYPE",
	"session":             "PROVIDER",
	"picture":             "DISABLE_GRAVATAR ENABLE_FEDERATED_AVATAR",
	"cron.update_checker": "ENABLED",
	"metrics":             "ENABLED",
}

// needed holds what must be there: Forgejo would otherwise show its installer, write the file, or listen elsewhere.
var needed = []string{
	"/RUN_USER", "/WORK_PATH", "server/ROOT_URL", "server/HTTP_ADDR", "server/HTTP_PORT", "server/SSH_LISTEN_PORT", "server/SSH_SERVER_HOST_KEYS",
	"server/APP_DATA_PATH", "server/LFS_JWT_SECRET", "database/DB_TYPE", "database/HOST", "database/NAME", "database/USER",
	"security/INSTALL_LOCK", "security/SECRET_KEY", "security/INTERNAL_TOKEN", "oauth2/JWT_SECRET", "repository/ROOT",
}

func readConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config, section := Config{"": {}}, ""
	for number, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == ';' || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			if config[section] != nil {
				return nil, fmt.Errorf("%s:%d: section [%s] is there twice", path, number+1, section)
			}
			config[section] = map[string]string{}
		default:
			key, value, found := strings.Cut(line, "=")
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
			if len(value) > 1 && value[0] == '`' && value[len(value)-1] == '`' {
				value = value[1 : len(value)-1]
			} else if strings.ContainsAny(value, ";#`\"{}") {
				found = false
			}
			_, twice := config[section][key]
			if !found || twice || !isKnown(section, key) {
				return nil, fmt.Errorf("%s:%d: the stand-in does not take %q in [%s]", path, number+1, line, section)
			}
			config[section][key] = value
		}
	}
	return &config, config.check(path)
}

func isKnown(section, key string) bool {
	if section == "git.config" {
		return strings.Contains(key, ".")
	}
	return strings.Contains(" "+known[section]+" ", " "+key+" ")
}

func (c Config) get(path string) string {
	section, key, _ := strings.Cut(path, "/")
	return c[section][key]
}

// home is Forgejo's HOME for git: [git] HOME_PATH.
func (c Config) home() string { return filepath.Join(c.get("server/APP_DATA_PATH"), "home") }

func (c Config) check(path string) error {
	for _, key := range needed {
		if c.get(key) == "" {
			return fmt.Errorf("%s: %s is missing", path, key)
		}
	}
	if c.get("security/INSTALL_LOCK") != "true" {
		return fmt.Errorf("%s: INSTALL_LOCK is not true: Forgejo would show its installer", path)
	}
	for _, key := range []string{"oauth2/JWT_SECRET", "server/LFS_JWT_SECRET"} {
		if secret, err := base64.RawURLEncoding.DecodeString(c.get(key)); err != nil || len(secret) != 32 {
			return fmt.Errorf("%s: %s is not 32 bytes in base64url: Forgejo would make one and write the file", path, key)
		}
	}
	if strings.Count(c.get("security/INTERNAL_TOKEN"), ".") != 2 {
		return fmt.Errorf("%s: INTERNAL_TOKEN is no JSON web token", path)
	}
	if c.get("database/DB_TYPE") != "postgres" {
		return fmt.Errorf("%s: the stand-in speaks to PostgreSQL only", path)
	}
	if !filepath.IsAbs(c.get("database/HOST")) && c.get("database/PASSWD") == "" {
		return fmt.Errorf("%s: a PostgreSQL that is not reached over a socket wants a password", path)
	}
	if root, err := url.Parse(c.get("server/ROOT_URL")); err != nil || !strings.HasSuffix(root.Path, "/") {
		return fmt.Errorf("%s: ROOT_URL has no slash at its end", path)
	}
	for _, key := range []string{"server/HTTP_PORT", "server/SSH_LISTEN_PORT"} {
		if _, err := strconv.ParseUint(c.get(key), 10, 16); err != nil {
			return fmt.Errorf("%s: %s is no port", path, key)
		}
	}
	if hammer := c.get("server/GRACEFUL_HAMMER_TIME"); hammer != "" {
		if _, err := time.ParseDuration(hammer); err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s holds secrets and may be read by others", path)
	}
	return c.checkUser()
}

// checkUser refuses what Forgejo refuses (modules/setting/setting.go), also where Forgejo looks away because of its own ssh server.
func (c Config) checkUser() error {
	if os.Getuid() == 0 {
		return fmt.Errorf("Forgejo is not supposed to be run as root")
	}
	current, err := user.Current()
	if err != nil {
		return err
	}
	if want := c.get("/RUN_USER"); current.Username != want || os.Getenv("USER") != want {
		return fmt.Errorf("expect user %q but current user is: %q, USER=%q", want, current.Username, os.Getenv("USER"))
	}
	if os.Getenv("HOME") == "" {
		return fmt.Errorf("HOME is not set")
	}
	info, err := os.Stat(c.get("server/APP_DATA_PATH"))
	if err != nil || !info.IsDir() {
		return fmt.Errorf("can not find APP_DATA_PATH %q", c.get("server/APP_DATA_PATH"))
	}
	return nil
}
