package restapi

import (
	_ "embed" // documents
	"net/http"
	"strings"

	"github.com/seed-255eabaa/oms/gen/openapi"
	"github.com/seed-255eabaa/oms/internal/contract"
)

//go:embed docs/index.html
var docsPage []byte

//go:embed docs/provider.html
var providerPage []byte

//go:embed docs/redoc.standalone.js
var redoc []byte

//go:embed docs/redoc.LICENSE.txt
var redocLicense []byte

// document is a file that everyone may read. The pages need nothing from another host, and may not ask for it.
type document struct {
	mediaType, policy string
	body              []byte
}

// pagePolicy lets the documentation page use this server and nothing else. Redoc styles by inline sheets and searches in a
// worker that it makes of a text.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
	"connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docsPath is the documentation, where a person who asks for "/" is sent.
const docsPath = "/docs"

var documents = map[string]document{
	"/openapi.yaml":             {mediaType: "application/yaml; charset=utf-8", body: openapi.YAML},
	"/provider/openapi.yaml":    {mediaType: "application/yaml; charset=utf-8", body: openapi.Provider},
	docsPath:                    {mediaType: "text/html; charset=utf-8", policy: pagePolicy, body: docsPage},
	"/provider/docs":            {mediaType: "text/html; charset=utf-8", policy: pagePolicy, body: providerPage},
	"/docs/redoc.standalone.js": {mediaType: "text/javascript; charset=utf-8", body: redoc},
	"/docs/redoc.LICENSE.txt":   {mediaType: "text/plain; charset=utf-8", body: redocLicense},
}

// documentOf is the document that a path would stand in.
func documentOf(path string) string {
	if strings.HasPrefix(path, contract.SandboxPath+"/") {
		return "/provider/openapi.yaml: the sandbox has the provider API only"
	}
	return "/openapi.yaml"
}

// documentVerbs is the Allow header of a document.
const documentVerbs = "GET, HEAD, OPTIONS"

// serveDocument answers a document.
func serveDocument(w http.ResponseWriter, d document) {
	header := w.Header()
	header.Set("Content-Type", d.mediaType)
	header.Set("Content-Length", itoa(len(d.body)))
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	if d.policy != "" {
		header.Set("Content-Security-Policy", d.policy)
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(d.body) // a client that has gone away needs no answer
}
