// Package auth tells who asks. In this version a caller shows a bearer token out of a file of credentials; only the tokens'
// SHA-256 digests are stored. OAuth 2 and signatures join here (requirement P-6).
package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
)

// DefaultTenant is the tenant of a system that has no credentials.
const DefaultTenant = "default"

// Anonymous is the principal of a caller without credentials.
const Anonymous = "anonymous"

// Credential is one entry of the file.
type Credential struct {
	Name        string   `json:"name"`         // the principal: idempotency keys are its own
	TokenSHA256 string   `json:"token_sha256"` // hexadecimal
	Tenant      string   `json:"tenant"`
	Scopes      []string `json:"scopes"` // "*" for all

	// For whom calls of the dialect of providers may be made, by X-Provider-Id, X-Brand-Id and X-Region; "*" for all, and absent for none.
	Providers []string `json:"providers"`
	Brands    []string `json:"brands"`
	Regions   []string `json:"regions"`

	// Sandbox has every call go to the sandbox and none to real money, SandboxToo those that ask for it (requirement P-14).
	Sandbox    bool `json:"sandbox"`
	SandboxToo bool `json:"sandbox_too"`
}

// access answers whether the credential gets into the sandbox; false when it says two things.
func (c *Credential) access() (edge.SandboxAccess, bool) {
	switch {
	case c.Sandbox && c.SandboxToo:
		return edge.RealOnly, false
	case c.Sandbox:
		return edge.SandboxOnly, true
	case c.SandboxToo:
		return edge.SandboxToo, true
	default:
		return edge.RealOnly, true
	}
}

// Authenticator finds callers.
type Authenticator struct {
	callers map[[sha256.Size]byte]edge.Caller
	open    bool
	sandbox bool // somebody gets in
}

// Sandbox tells whether any caller gets into the sandbox.
func (a *Authenticator) Sandbox() bool { return a.open || a.sandbox }

// Open lets everybody in, as the anonymous principal of the default tenant with every scope: dev, and --auth=none.
func Open() *Authenticator { return &Authenticator{open: true} }

// Load reads a file of credentials: a JSON list of Credential. Scopes are those that a credential may name.
func Load(path string, scopes []string) (*Authenticator, error) {
	credentials, err := edge.ReadList[Credential](path)
	if err != nil {
		return nil, err
	}
	return New(credentials, scopes)
}

// New makes an authenticator of credentials; it refuses what is incomplete or doubled, and scopes that nothing asks for, which are
// misspelled: their credential would lack what its owner thinks that it has.
func New(credentials []Credential, scopes []string) (*Authenticator, error) {
	a := &Authenticator{callers: map[[sha256.Size]byte]edge.Caller{}}
	if len(credentials) == 0 {
		return nil, errors.New("credentials: the list is empty; nobody could call")
	}
	for i, credential := range credentials {
		digest, err := hex.DecodeString(credential.TokenSHA256)
		if err != nil || len(digest) != sha256.Size {
			return nil, fmt.Errorf("credentials[%d].token_sha256: must be 64 hexadecimal digits, the SHA-256 of the token", i)
		}
		if !id.Partner(credential.Name) || !id.Partner(credential.Tenant) {
			return nil, fmt.Errorf("credentials[%d]: name and tenant must be identifiers of 1 to 128 characters", i)
		}
		for _, scope := range credential.Scopes {
			if scope != "*" && !slices.Contains(scopes, scope) {
				return nil, fmt.Errorf(`credentials[%d].scopes: there is no scope %q; there are "*" for all, and %s`, i, scope,
					strings.Join(scopes, ", "))
			}
		}
		access, told := credential.access()
		if !told {
			return nil, fmt.Errorf("credentials[%d]: sandbox and sandbox_too exclude each other: take one", i)
		}
		key := [sha256.Size]byte(digest)
		if _, found := a.callers[key]; found {
			return nil, fmt.Errorf("credentials[%d].token_sha256: another credential has the same token", i)
		}
		a.callers[key] = edge.Caller{
			Tenant: credential.Tenant, Principal: credential.Name, Scopes: set(credential.Scopes), Providers: set(credential.Providers),
			Brands: set(credential.Brands), Regions: set(credential.Regions), Sandbox: access,
		}
		a.sandbox = a.sandbox || access != edge.RealOnly
	}
	return a, nil
}

// set answers names as a set; nil for all.
func set(names []string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		if name == "*" {
			return nil
		}
		all[name] = true
	}
	return all
}

// Authenticate answers the caller of a call, or UNAUTHENTICATED.
func (a *Authenticator) Authenticate(call *edge.Call) (edge.Caller, *fault.Fault) {
	if a.open {
		return edge.Caller{Tenant: DefaultTenant, Principal: Anonymous, Sandbox: edge.SandboxToo}, nil
	}
	values := call.Header("authorization")
	if len(values) != 1 {
		return edge.Caller{}, refused(`send one header "Authorization: Bearer <token>"`)
	}
	scheme, token, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "bearer") || token == "" {
		return edge.Caller{}, refused(`the Authorization header must read "Bearer <token>"`)
	}
	caller, known := a.callers[sha256.Sum256([]byte(strings.TrimSpace(token)))]
	if !known {
		return edge.Caller{}, refused("the token is not known")
	}
	return caller, nil
}

func refused(message string) *fault.Fault {
	return fault.New(fault.Unauthenticated, "AUTH_FAILED", "%s", message)
}
