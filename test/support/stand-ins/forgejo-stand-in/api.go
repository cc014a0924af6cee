package main

import (
	"encoding/json"
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Doer is who asks: by password (basic), or by a token with its scopes.
type Doer struct {
	*User
	isBasic bool
	scopes  string
}

func (d *Doer) may(scope string) bool {
	return d.isBasic || strings.Contains(","+d.scopes+",", ","+scope+",") || d.scopes == "all"
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.store.PingContext(r.Context()); err != nil {
			reply(w, http.StatusServiceUnavailable, map[string]string{"status": "fail"})
			return
		}
		reply(w, http.StatusOK, map[string]string{"status": "pass"})
	})
	mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, map[string]string{"version": version})
	})
	mux.HandleFunc("GET /api/v1/users/{name}", s.showUser)
	mux.HandleFunc("GET /api/v1/user", s.asUser("read:user", func(w http.ResponseWriter, r *http.Request, d *Doer) {
		reply(w, http.StatusOK, map[string]any{"login": d.Name, "is_admin": d.IsAdmin})
	}))
	mux.HandleFunc("PATCH /api/v1/admin/users/{name}", s.asUser("write:admin", s.editUser))
	mux.HandleFunc("GET /api/v1/users/{name}/tokens", s.asUser("read:user", s.listTokens))
	mux.HandleFunc("DELETE /api/v1/users/{name}/tokens/{token}", s.asUser("write:user", s.deleteToken))
	mux.HandleFunc("POST /api/v1/user/keys", s.asUser("write:user", s.addKey))
	mux.HandleFunc("POST /api/v1/user/repos", s.asUser("write:repository", s.createRepository))
	mux.HandleFunc("/{owner}/{repository}/", s.serveGit)
	return mux
}

// asUser answers 401 without a sign-in, 403 where a password must be changed first or the token's scope does not reach.
func (s *Server) asUser(scope string, handle func(http.ResponseWriter, *http.Request, *Doer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		doer, err := s.doer(r)
		switch {
		case err != nil:
			fail(w, err)
		case doer == nil:
			w.Header().Set("WWW-Authenticate", `Basic realm="forgejo-stand-in"`)
			reply(w, http.StatusUnauthorized, map[string]string{"message": "user does not exist or its password or token is wrong"})
		case doer.MustChangePassword:
			reply(w, http.StatusForbidden, map[string]string{"message": "You must change your password."})
		case !doer.may(scope):
			reply(w, http.StatusForbidden, map[string]string{"message": "token does not have the scope " + scope})
		default:
			handle(w, r, doer)
		}
	}
}

func (s *Server) doer(r *http.Request) (*Doer, error) {
	if name, password, ok := r.BasicAuth(); ok {
		u, err := s.store.findUser(name)
		if err != nil || u == nil || !u.hasPassword(password) {
			return nil, err
		}
		return &Doer{User: u, isBasic: true}, nil
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "token "); ok {
		u, scopes, err := s.store.findToken(token)
		if err != nil || u == nil {
			return nil, err
		}
		return &Doer{User: u, scopes: scopes}, nil
	}
	return nil, nil
}

func (s *Server) showUser(w http.ResponseWriter, r *http.Request) {
	u, err := s.store.findUser(r.PathValue("name"))
	if err != nil {
		fail(w, err)
	} else if u == nil {
		reply(w, http.StatusNotFound, map[string]string{"message": "user does not exist"})
	} else {
		reply(w, http.StatusOK, map[string]any{"login": u.Name})
	}
}

// editUser is PATCH /admin/users/{name}: source_id and login_name belong together (routers/api/v1/admin/user.go).
func (s *Server) editUser(w http.ResponseWriter, r *http.Request, d *Doer) {
	var form struct {
		SourceID           *int64  `json:"source_id"`
		LoginName          *string `json:"login_name"`
		Password           string  `json:"password"`
		MustChangePassword *bool   `json:"must_change_password"`
	}
	u, err := s.store.findUser(r.PathValue("name"))
	if err != nil {
		fail(w, err)
		return
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	isBad := r.Header.Get("Content-Type") != "application/json" || decoder.Decode(&form) != nil || form.SourceID == nil || form.LoginName == nil
	switch {
	case !d.IsAdmin:
		reply(w, http.StatusForbidden, map[string]string{"message": "user should be the site admin"})
	case u == nil:
		reply(w, http.StatusNotFound, map[string]string{"message": "user does not exist"})
	case isBad:
		reply(w, http.StatusUnprocessableEntity, map[string]string{"message": "source_id and login_name must be specified together"})
	case s.store.setPassword(u, form.Password, form.MustChangePassword == nil || *form.MustChangePassword) != nil:
		reply(w, http.StatusBadRequest, map[string]string{"message": "PasswordTooShort"})
	default:
		reply(w, http.StatusOK, map[string]any{"login": u.Name})
	}
}

// tokensOf answers 403 unless its owner asks by password (reqBasicOrRevProxyAuth).
func (s *Server) mayManageTokens(w http.ResponseWriter, r *http.Request, d *Doer) bool {
	if d.isBasic && strings.EqualFold(d.Name, r.PathValue("name")) {
		return true
	}
	reply(w, http.StatusForbidden, map[string]string{"message": "auth required"})
	return false
}

func (s *Server) listTokens(w http.ResponseWriter, r *http.Request, d *Doer) {
	if !s.mayManageTokens(w, r, d) {
		return
	}
	rows, err := s.store.Query(`SELECT id, name, scope FROM access_token WHERE uid = $1`, d.ID)
	if err != nil {
		fail(w, err)
		return
	}
	defer rows.Close()
	tokens := []map[string]any{}
	for rows.Next() {
		var id int64
		var name, scope string
		if err := rows.Scan(&id, &name, &scope); err != nil {
			fail(w, err)
			return
		}
		tokens = append(tokens, map[string]any{"id": id, "name": name, "sha1": "", "scopes": strings.Split(scope, ",")})
	}
	reply(w, http.StatusOK, tokens)
}

func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request, d *Doer) {
	if !s.mayManageTokens(w, r, d) {
		return
	}
	id, _ := strconv.ParseInt(r.PathValue("token"), 10, 64)
	result, err := s.store.Exec(`DELETE FROM access_token WHERE uid = $1 AND (id = $2 OR name = $3)`, d.ID, id, r.PathValue("token"))
	if err != nil {
		fail(w, err)
		return
	}
	if count, _ := result.RowsAffected(); count == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) createRepository(w http.ResponseWriter, r *http.Request, d *Doer) {
	var form struct {
		Name string `json:"name"`
	}
	if json.NewDecoder(r.Body).Decode(&form) != nil || !nameForm.MatchString(form.Name) {
		reply(w, http.StatusUnprocessableEntity, map[string]string{"message": "name"})
		return
	}
	if output, err := s.git("init", "--quiet", "--bare", "--initial-branch=main", s.repositoryPath(d.Name, form.Name)).CombinedOutput(); err != nil {
		log.Printf("git init: %s", output)
		fail(w, err)
		return
	}
	if _, err := s.store.Exec(`INSERT INTO repository (owner_id, owner_name, lower_name, name) VALUES ($1, $2, $3, $4)`, d.ID, d.Name, strings.ToLower(form.Name), form.Name); err != nil {
		reply(w, http.StatusConflict, map[string]string{"message": "The repository with the same name already exists."})
		return
	}
	reply(w, http.StatusCreated, map[string]any{"full_name": d.Name + "/" + form.Name})
}

func (s *Server) addKey(w http.ResponseWriter, r *http.Request, d *Doer) {
	var form struct{ Title, Key string }
	if json.NewDecoder(r.Body).Decode(&form) != nil {
		reply(w, http.StatusUnprocessableEntity, map[string]string{"message": "key"})
		return
	}
	key, err := normalKey(form.Key)
	if err == nil {
		_, err = s.store.Exec(`INSERT INTO public_key (uid, title, content) VALUES ($1, $2, $3)`, d.ID, form.Title, key)
	}
	if err != nil {
		reply(w, http.StatusUnprocessableEntity, map[string]string{"message": err.Error()})
		return
	}
	reply(w, http.StatusCreated, map[string]any{"title": form.Title})
}

// repositoryPath is Forgejo's: ROOT/owner/name.git, small letters. Both parts have been matched against nameForm.
func (s *Server) repositoryPath(owner, name string) string {
	return filepath.Join(s.config.get("repository/ROOT"), strings.ToLower(owner), strings.ToLower(name)+".git")
}

// serveGit is git's smart HTTP by git-http-backend(1), for the owner of the repository.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	owner, name := r.PathValue("owner"), strings.TrimSuffix(r.PathValue("repository"), ".git")
	path := s.repositoryPath(owner, name)
	if _, err := os.Stat(path); err != nil || !nameForm.MatchString(owner) || !nameForm.MatchString(name) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.asUser("write:repository", func(w http.ResponseWriter, r *http.Request, d *Doer) {
		if !strings.EqualFold(d.Name, owner) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		core, err := exec.Command("git", "--exec-path").Output()
		if err != nil {
			fail(w, err)
			return
		}
		inner := *r
		inner.URL.Path = strings.TrimPrefix(r.URL.Path, "/"+owner+"/"+r.PathValue("repository"))
		backend := &cgi.Handler{
			Path:   filepath.Join(strings.TrimSpace(string(core)), "git-http-backend"),
			Env:    []string{"GIT_PROJECT_ROOT=" + path, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=" + d.Name, "HOME=" + s.config.home()},
			Stderr: os.Stdout,
		}
		backend.ServeHTTP(w, &inner)
	})(w, r)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, err error) {
	log.Printf("error: %v", err)
	reply(w, http.StatusInternalServerError, map[string]string{"message": "internal error"})
}
