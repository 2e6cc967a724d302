// mockoidc is a library: main.go is what makes a program of it.
module tollgate/platform-tools/mock-issuer

go 1.26.0

tool tollgate/platform-tools/mock-issuer

require github.com/oauth2-proxy/mockoidc v0.0.0-20240214162133-caebfff84d25

require (
	github.com/go-jose/go-jose/v3 v3.0.1 // indirect
	github.com/golang-jwt/jwt/v5 v5.2.0 // indirect
	golang.org/x/crypto v0.0.0-20220214200702-86341886e292 // indirect
)
