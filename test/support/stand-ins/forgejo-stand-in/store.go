package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	_ "github.com/lib/pq"
)

var tables = `
CREATE TABLE IF NOT EXISTS "user" (id bigserial PRIMARY KEY, name text NOT NULL, lower_name text NOT NULL UNIQUE, email text NOT NULL UNIQUE,
  hash text NOT NULL, salt text NOT NULL, is_admin boolean NOT NULL, must_change_password boolean NOT NULL, type integer NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS access_token (id bigserial PRIMARY KEY, uid bigint NOT NULL REFERENCES "user", name text NOT NULL,
  token_hash text NOT NULL UNIQUE, scope text NOT NULL, UNIQUE (uid, name));
CREATE TABLE IF NOT EXISTS repository (id bigserial PRIMARY KEY, owner_id bigint NOT NULL REFERENCES "user", owner_name text NOT NULL,
  lower_name text NOT NULL, name text NOT NULL, UNIQUE (owner_id, lower_name));
CREATE TABLE IF NOT EXISTS public_key (id bigserial PRIMARY KEY, uid bigint NOT NULL REFERENCES "user", title text NOT NULL, content text NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS version (id bigserial PRIMARY KEY, version bigint);
CREATE TABLE IF NOT EXISTS forgejo_version (id bigserial PRIMARY KEY, version bigint);
CREATE TABLE IF NOT EXISTS forgejo_migration (id text PRIMARY KEY, created_unix bigint);
CREATE TABLE IF NOT EXISTS forgejo_sem_ver (version text);
INSERT INTO version (version) SELECT 305 WHERE NOT EXISTS (SELECT FROM version);
INSERT INTO forgejo_version (id, version) SELECT 1, 45 WHERE NOT EXISTS (SELECT FROM forgejo_version);
INSERT INTO forgejo_migration VALUES ('v14a_first', 1) ON CONFLICT DO NOTHING;
INSERT INTO forgejo_sem_ver SELECT '0.0.0+stand-in' WHERE NOT EXISTS (SELECT FROM forgejo_sem_ver);`

type User struct {
	ID                 int64
	Name               string
	hash, salt         string
	IsAdmin            bool
	MustChangePassword bool
}

// Store is the database. Its role is the name of the user that the process runs as; PostgreSQL asks the kernel (peer).
type Store struct{ *sql.DB }

func openStore(config *Config) (*Store, error) {
	host, port := config.get("database/HOST"), "5432"
	if name, number, err := net.SplitHostPort(host); err == nil {
		host, port = name, number
	}
	db, err := sql.Open("postgres", fmt.Sprintf("host=%s port=%s dbname=%s user=%s password='%s' sslmode=disable",
		host, port, config.get("database/NAME"), config.get("database/USER"), config.get("database/PASSWD")))
	if err != nil {
		return nil, err
	}
	if err := checkMigrations(db); err != nil {
		return nil, err
	}
	if _, err := db.Exec(tables); err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// checkMigrations refuses data without a note of what was done to it. Forgejo takes all as done then, and says nothing.
func checkMigrations(db *sql.DB) error {
	var hasData, hasNotes bool
	if err := db.QueryRow(`SELECT to_regclass('"user"') IS NOT NULL, to_regclass('forgejo_version') IS NOT NULL AND to_regclass('forgejo_migration') IS NOT NULL`).Scan(&hasData, &hasNotes); err != nil {
		return err
	}
	if hasData && !hasNotes {
		return errors.New("the stand-in finds data without forgejo_version and forgejo_migration")
	}
	return nil
}

var nameForm = regexp.MustCompile(`^[0-9a-zA-Z][-.\w]*$`)
var reserved = []string{"admin", "api", "assets", "explore", "ghost", "login", "new", "org", "repo", "user", "v2"}

func (s *Store) createUser(name, email, password string, isAdmin, mustChange bool) error {
	for _, other := range reserved {
		if strings.EqualFold(name, other) {
			return fmt.Errorf("CreateUser: name is reserved [name: %s]", name)
		}
	}
	if !nameForm.MatchString(name) || !strings.Contains(email, "@") {
		return fmt.Errorf("CreateUser: %q or %q is not allowed", name, email)
	}
	hash, salt, err := hashPassword(password)
	if err != nil {
		return err
	}
	result, err := s.Exec(`INSERT INTO "user" (name, lower_name, email, hash, salt, is_admin, must_change_password) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`, name, strings.ToLower(name), email, hash, salt, isAdmin, mustChange)
	if err != nil {
		return err
	}
	if count, _ := result.RowsAffected(); count == 0 {
		return fmt.Errorf("CreateUser: user already exists [name: %s]", name)
	}
	return nil
}

func (s *Store) findUser(name string) (*User, error) {
	return scanUser(s.QueryRow(`SELECT id, name, hash, salt, is_admin, must_change_password FROM "user" WHERE lower_name = $1`, strings.ToLower(name)))
}

func scanUser(row *sql.Row) (*User, error) {
	u := &User{}
	err := row.Scan(&u.ID, &u.Name, &u.hash, &u.salt, &u.IsAdmin, &u.MustChangePassword)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return u, err
}

func (s *Store) setPassword(u *User, password string, mustChange bool) error {
	hash, salt, err := hashPassword(password)
	if err != nil {
		return err
	}
	_, err = s.Exec(`UPDATE "user" SET hash = $1, salt = $2, must_change_password = $3 WHERE id = $4`, hash, salt, mustChange, u.ID)
	return err
}

func (s *Store) createToken(u *User, name, scope string) (string, error) {
	token := randomHex(20)
	result, err := s.Exec(`INSERT INTO access_token (uid, name, token_hash, scope) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		u.ID, name, hashToken(token), scope)
	if err != nil {
		return "", err
	}
	if count, _ := result.RowsAffected(); count == 0 {
		return "", errors.New("access token name has been used already")
	}
	return token, nil
}

// findToken answers whose token it is, and its scopes.
func (s *Store) findToken(token string) (*User, string, error) {
	var id int64
	var scope string
	err := s.QueryRow(`SELECT uid, scope FROM access_token WHERE token_hash = $1`, hashToken(token)).Scan(&id, &scope)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", nil
	} else if err != nil {
		return nil, "", err
	}
	u, err := scanUser(s.QueryRow(`SELECT id, name, hash, salt, is_admin, must_change_password FROM "user" WHERE id = $1`, id))
	return u, scope, err
}

func (u *User) hasPassword(password string) bool {
	return subtle.ConstantTimeCompare([]byte(u.hash), []byte(derive(password, u.salt))) == 1
}

func hashPassword(password string) (hash, salt string, err error) {
	if len(password) < 8 {
		return "", "", errors.New("password must be at least 8 characters")
	}
	salt = randomHex(16)
	return derive(password, salt), salt, nil
}

func derive(password, salt string) string {
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), 1000, 32)
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(key)
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func randomHex(bytes int) string {
	buffer := make([]byte, bytes)
	rand.Read(buffer)
	return hex.EncodeToString(buffer)
}
