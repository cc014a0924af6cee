module vmkit.test/forgejo-stand-in

go 1.24

require (
	github.com/lib/pq v1.10.9
	golang.org/x/crypto v0.41.0
)

require golang.org/x/sys v0.35.0 // indirect
