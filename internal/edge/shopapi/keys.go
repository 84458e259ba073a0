package shopapi

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"

	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// leastSecret is the least length of a shared secret in bytes: that of the hash (RFC 2104, section 3).
const leastSecret = sha256.Size

// Key is one entry of the file of keys: whose signatures it verifies, and one of secret and public key. A client may have several,
// so that one can be replaced by the next.
type Key struct {
	Name             string `json:"name"`                         // the credential's
	Tenant           string `json:"tenant"`                       // the credential's
	HMACSecret       string `json:"hmac_secret,omitempty"`        // the text itself, 32 bytes or more
	Ed25519PublicKey string `json:"ed25519_public_key,omitempty"` // base64 of its 32 bytes
}

// client names whose keys they are.
type client struct{ tenant, name string }

// Keys verify signatures (requirement S-3): over the canonical JSON (RFC 8785) of the body without its member signature, by
// HMAC-SHA256 or Ed25519, in base64.
type Keys struct {
	verifiers map[client][]func(message, signature []byte) bool
}

// LoadKeys reads a file of keys: a JSON list of Key. No error tells a secret.
func LoadKeys(path string) (*Keys, error) {
	keys, err := edge.ReadList[Key](path)
	if err != nil {
		return nil, err
	}
	return NewKeys(keys)
}

// NewKeys makes the keys of a list, and refuses what could verify nothing or too much. An empty list refuses every signature.
func NewKeys(keys []Key) (*Keys, error) {
	k := &Keys{verifiers: map[client][]func(message, signature []byte) bool{}}
	for i, key := range keys {
		whose := client{key.Tenant, key.Name}
		switch {
		case key.Name == "" || key.Tenant == "":
			return nil, fmt.Errorf("signing keys[%d]: name and tenant are those of the client's credential, and required", i)
		case (key.HMACSecret == "") == (key.Ed25519PublicKey == ""):
			return nil, fmt.Errorf("signing keys[%d]: write one of hmac_secret and ed25519_public_key", i)
		case key.HMACSecret != "":
			if len(key.HMACSecret) < leastSecret {
				return nil, fmt.Errorf("signing keys[%d].hmac_secret: must have %d bytes or more, such as `openssl rand -hex 32` prints",
					i, leastSecret)
			}
			k.verifiers[whose] = append(k.verifiers[whose], shared([]byte(key.HMACSecret)))
		default:
			public, err := base64.StdEncoding.DecodeString(key.Ed25519PublicKey)
			if err != nil || len(public) != ed25519.PublicKeySize {
				return nil, fmt.Errorf("signing keys[%d].ed25519_public_key: must be base64 of %d bytes", i, ed25519.PublicKeySize)
			}
			k.verifiers[whose] = append(k.verifiers[whose], func(message, signature []byte) bool {
				return len(signature) == ed25519.SignatureSize && ed25519.Verify(public, message, signature)
			})
		}
	}
	return k, nil
}

func shared(secret []byte) func(message, signature []byte) bool {
	return func(message, signature []byte) bool {
		mac := hmac.New(sha256.New, secret)
		mac.Write(message)
		return hmac.Equal(mac.Sum(nil), signature) // in constant time
	}
}

// verify refuses a body whose signature is not its sender's. No keys at all verify nothing.
func (k *Keys) verify(caller edge.Caller, body []byte, from *credentials) *fault.Fault {
	if k == nil || !from.signed && !from.needed {
		return nil
	}
	if !from.signed {
		return wrong("the body needs a signature")
	}
	signature, err := base64.StdEncoding.DecodeString(from.signature)
	if err != nil {
		return wrong("the signature is no base64")
	}
	message, err := canonical(body)
	if err != nil {
		return wrong("the body has no canonical form, so its signature cannot be verified")
	}
	for _, verifies := range k.verifiers[client{caller.Tenant, caller.Principal}] {
		if verifies(message, signature) {
			return nil
		}
	}
	return wrong("the signature is not that of this body by a key of this client's")
}

func wrong(message string) *fault.Fault {
	return fault.New(fault.Unauthenticated, "SIGNATURE_INVALID", "%s", message)
}

// canonical writes the body without its signature as RFC 8785 says.
func canonical(body []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err //nolint:wrapcheck // nobody is told
	}
	if members == nil {
		return nil, errNoObject
	}
	delete(members, "signature")
	text, err := json.Marshal(members)
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	return jcs.Transform(text) //nolint:wrapcheck // as above
}

var errNoObject = errors.New("no object")
