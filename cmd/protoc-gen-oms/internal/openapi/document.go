package openapi

import (
	"cmp"
	_ "embed" // introduction
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"

	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/model"
)

//go:embed introduction.md
var introduction string

//go:embed provider.md
var providerIntroduction string

//go:embed dev.md
var devIntroduction string

// document is one OpenAPI document in the making.
type document struct {
	kind     *kind
	services []*model.Service // those with a REST binding
	schemas  *schemas
	examples map[string]example
}

func newDocument(c *model.Contract, k *kind) (*document, error) {
	s, err := newSchemas()
	if err != nil {
		return nil, err
	}
	d := &document{kind: k, schemas: s}
	if d.examples, err = readExamples(k.examples); err != nil {
		return nil, err
	}
	for _, service := range c.Services {
		if k.of(service) && slices.ContainsFunc(service.Methods, func(m *model.Method) bool { return len(m.Bindings) > 0 }) {
			d.services = append(d.services, service)
		}
	}
	// The public service first: tools show the document in its order.
	slices.SortStableFunc(d.services, func(a, b *model.Service) int { return cmp.Compare(k.rank(a), k.rank(b)) })
	return d, nil
}

// rank puts the services that are internal by their own words behind the public ones, and what serves trying out and development last.
func (k *kind) rank(s *model.Service) int {
	last := len(k.first)
	switch at := slices.Index(k.first, s.GoName); {
	case strings.HasPrefix(s.GoName, "Dev"), strings.HasPrefix(s.GoName, "Sandbox"):
		return last + 2
	case strings.Contains(prose(s.Comments.Leading), "It is internal"):
		return last + 1
	case at >= 0:
		return at
	default:
		return last
	}
}

// servers are where the document's paths are.
func (k *kind) servers() []*object {
	all := []*object{newObject().set("url", "/").set("description", "The server that this document came from.")}
	if k.sandbox {
		all = append(all, newObject().set("url", sandboxPath).set("description",
			"The same with play money, apart from everything real; paths that begin so already are at the server above only."))
	}
	return all
}

func (d *document) root() (*object, error) {
	paths, err := d.paths()
	if err != nil {
		return nil, err
	}
	var tags []*object
	for _, service := range d.services {
		tags = append(tags, newObject().set("name", service.GoName).describe(prose(service.Comments.Leading)))
	}
	root := newObject().
		set("openapi", "3.1.0").
		set("info", newObject().
			set("title", d.kind.title).
			set("version", "1.0.0").
			set("summary", d.kind.summary).
			set("description", d.kind.introduction).
			set("license", newObject().set("name", "Apache License 2.0").set("identifier", "Apache-2.0"))).
		set("servers", d.kind.servers()).
		set("security", []*object{newObject().set("bearer", []string{})}).
		set("tags", tags).
		set("paths", paths)
	schemas := d.schemas.components()
	components := newObject().
		set("securitySchemes", newObject().set("bearer", newObject().
			set("type", "http").set("scheme", "bearer").
			set("description", "An access token. The scopes that an operation needs stand beside its security requirement."))).
		set("parameters", d.sharedParameters()).
		set("headers", d.sharedHeaders()).
		set("responses", d.sharedResponses()).
		set("schemas", schemas)
	return root.set("components", components), nil
}

// paths writes the operations by path, in the order in which proto/ has them.
func (d *document) paths() (*object, error) {
	paths := newObject()
	byPath := map[string]*object{}
	for _, service := range d.services {
		for _, method := range service.Methods {
			for i, binding := range method.Bindings {
				operation, err := d.operation(service, method, binding, i)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", method.Desc.FullName(), err)
				}
				item := byPath[binding.Template]
				if item == nil {
					item = newObject()
					byPath[binding.Template] = item
					paths.set(binding.Template, item)
				}
				if strings.HasPrefix(binding.Template, sandboxPath+"/") {
					operation.set("servers", d.kind.servers()[:1])
				}
				item.set(strings.ToLower(binding.Verb), operation)
			}
		}
	}
	return paths, nil
}

var (
	spaces    = regexp.MustCompile(`[ \t]+`)
	citations = regexp.MustCompile(` \(requirements?[^)]*\)`)
)

// prose turns a comment of proto/ into text: paragraphs stay, lines are joined, and the numbers of our own requirements, which
// a reader of the document does not have, are left out.
func prose(comments protogen.Comments) string {
	var paragraphs []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(string(comments)), "\n\n") {
		line := spaces.ReplaceAllString(strings.ReplaceAll(paragraph, "\n", " "), " ")
		paragraphs = append(paragraphs, strings.TrimSpace(citations.ReplaceAllString(line, "")))
	}
	return strings.Join(paragraphs, "\n\n")
}

// summary is the first sentence of a description.
func summary(description string) string {
	for _, end := range []string{". ", ".\n", ": "} {
		if at := strings.Index(description, end); at > 0 {
			description = description[:at]
		}
	}
	return strings.TrimSuffix(description, ".")
}

// sentence begins with a capital: comments of proto/ begin with a name, which has been cut off.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
