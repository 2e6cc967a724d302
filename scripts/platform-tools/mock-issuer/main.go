// An OIDC provider that believes who people say they are. It stands in for Dex where tests need one.
//
//	mock-issuer ADDRESS TLS_FOLDER
//
// TLS_FOLDER has tls.crt and tls.key, for the name localhost. The client's id and secret are CLIENT_ID
// and CLIENT_SECRET of the environment. A browser says who logs in by the header `person`: EMAIL, or
// EMAIL=GROUP.
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/oauth2-proxy/mockoidc"
)

func main() {
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "mock-issuer:", err)
		os.Exit(1)
	}
}

func serve(address, folder string) error {
	certificate, err := tls.LoadX509KeyPair(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"))
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	listener, err := tls.Listen("tcp", address, config)
	if err != nil {
		return err
	}
	issuer, err := mockoidc.NewServer(nil)
	if err != nil {
		return err
	}
	issuer.ClientID, issuer.ClientSecret = os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET")
	if err := issuer.AddMiddleware(logins(issuer)); err != nil {
		return err
	}
	if err := issuer.Start(listener, config); err != nil {
		return err
	}
	// The name that the certificate has, by which it speaks of itself.
	_, port, _ := net.SplitHostPort(address)
	issuer.Server.Addr = net.JoinHostPort("localhost", port)
	select {}
}

// logins makes a login that of the person who comes: the library takes the next of a queue.
func logins(issuer *mockoidc.MockOIDC) func(http.Handler) http.Handler {
	var one sync.Mutex
	return func(inner http.Handler) http.Handler {
		return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
			if request.URL.Path == mockoidc.AuthorizationEndpoint {
				one.Lock()
				defer one.Unlock()
				issuer.QueueUser(person(request.Header.Get("person")))
			}
			if request.URL.Path == mockoidc.TokenEndpoint {
				clientOfHeader(request)
			}
			inner.ServeHTTP(answer, request)
		})
	}
}

// clientOfHeader lets a client say who it is in the header, as Dex does; the library reads the form alone.
func clientOfHeader(request *http.Request) {
	if id, secret, ok := request.BasicAuth(); ok && request.ParseForm() == nil {
		request.Form.Set("client_id", id)
		request.Form.Set("client_secret", secret)
	}
}

func person(text string) *mockoidc.MockUser {
	email, group, found := strings.Cut(text, "=")
	user := &mockoidc.MockUser{Subject: "subject-of-" + email, Email: email, EmailVerified: true, PreferredUsername: email}
	if found {
		user.Groups = []string{group}
	}
	return user
}
