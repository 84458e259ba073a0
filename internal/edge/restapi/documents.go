package restapi

import (
	_ "embed" // documents
	"net/http"
	"strings"

	"github.com/seed-255eabaa/oms/gen/openapi"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
)

//go:embed docs/index.html
var docsPage []byte

//go:embed docs/provider.html
var providerPage []byte

//go:embed docs/dev.html
var devPage []byte

//go:embed docs/shop.html
var shopPage []byte

// Shop is the document of /api and /webhooks, which are no part of the contract in proto/ (docs/decisions/0023).
//
//go:embed docs/shop.yaml
var Shop []byte

//go:embed docs/redoc.standalone.js
var redoc []byte

//go:embed docs/redoc.LICENSE.txt
var redocLicense []byte

// document is a file that everyone may read. The pages need nothing from another host, and may not ask for it.
type document struct {
	mediaType, policy string
	body              []byte
	about             string // the path of a route without which there is no such document
}

// pagePolicy lets the documentation page use this server and nothing else. Redoc styles by inline sheets and searches in a
// worker that it makes of a text.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
	"connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docsPath is the documentation, where a person who asks for "/" is sent.
const docsPath = "/docs"

// devRoute is a route that only a server for development has.
const devRoute = "/v1/dev/clock"

// Media types of documents.
const (
	yamlType = "application/yaml; charset=utf-8"
	htmlType = "text/html; charset=utf-8"
)

var documents = map[string]document{
	"/openapi.yaml":             {mediaType: yamlType, body: openapi.YAML},
	"/provider/openapi.yaml":    {mediaType: yamlType, body: openapi.Provider},
	"/api/openapi.yaml":         {mediaType: yamlType, body: Shop},
	"/dev/openapi.yaml":         {mediaType: yamlType, body: openapi.Dev, about: devRoute},
	docsPath:                    {mediaType: htmlType, policy: pagePolicy, body: docsPage},
	"/provider/docs":            {mediaType: htmlType, policy: pagePolicy, body: providerPage},
	"/api/docs":                 {mediaType: htmlType, policy: pagePolicy, body: shopPage},
	"/dev/docs":                 {mediaType: htmlType, policy: pagePolicy, body: devPage, about: devRoute},
	"/docs/redoc.standalone.js": {mediaType: "text/javascript; charset=utf-8", body: redoc},
	"/docs/redoc.LICENSE.txt":   {mediaType: "text/plain; charset=utf-8", body: redocLicense},
}

// documentOf is the document that a path would stand in: that of the paths which begin alike.
func (h *Handler) documentOf(path string) string {
	if strings.HasPrefix(path, contract.SandboxPath+"/") {
		return "/provider/openapi.yaml: the sandbox has the provider API only"
	}
	for _, route := range h.options.Routes {
		if beginning(route.Template) == beginning(path) {
			return route.Method.Document()
		}
	}
	return codec.Document
}

// beginning is the first two segments of a path, such as v1/players, without a custom verb.
func beginning(path string) string {
	segments := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	beginning, _, _ := strings.Cut(strings.Join(segments[:min(len(segments), 2)], "/"), ":")
	return beginning
}

// IsDocument tells whether a path is a document's, be it one of another dialect.
func IsDocument(path string) bool {
	_, found := documents[path]
	return found
}

// document answers the document of a path.
func (h *Handler) document(path string) (document, bool) {
	d, found := documents[path]
	if found && d.about != "" && h.router.Match(http.MethodGet, d.about).Route == nil {
		return document{}, false
	}
	return d, found
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
