package contract

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Router finds the route of a path. net/http's ServeMux cannot: it has no custom verbs, and a segment of ours may hold colons
// and, percent-encoded, slashes.
//
// The path is split into segments before it is percent-decoded, so that %2F stays inside its segment. A custom verb is what
// follows the last colon of the last segment as it was sent (%3A begins no verb), and only where it is in the closed set of
// verbs of that very path: elsewhere the colon belongs to the id. Literals win over parameters, where they take the HTTP method.
type Router struct {
	root node
}

type node struct {
	literals map[string]*node
	param    *node
	kind     string // kind of the ids at this parameter, where the contract names one
	ends     map[string]*end
}

// end is a complete path with its verb: the routes by HTTP method, and the Allow header.
type end struct {
	routes map[string]*Route
	allow  string
}

// NewRouter makes a router; it fails when two routes have the same path and HTTP method.
func NewRouter(routes []*Route) (*Router, error) {
	r := &Router{}
	for _, route := range routes {
		if err := r.add(route); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Router) add(route *Route) error {
	template, err := ParseTemplate(route.Template)
	if err != nil {
		return err
	}
	n := &r.root
	for _, segment := range template.Segments {
		n = n.child(segment)
		for _, rule := range route.Method.IDs {
			if segment.Param != "" && rule.Field == segment.Param {
				n.kind = rule.Kind
			}
		}
	}
	if n.ends == nil {
		n.ends = map[string]*end{}
	}
	e := n.ends[template.Verb]
	if e == nil {
		e = &end{routes: map[string]*Route{}}
		n.ends[template.Verb] = e
	}
	if other := e.routes[route.Verb]; other != nil {
		return fmt.Errorf("%s %s belongs to %s and to %s", route.Verb, route.Template, other.Method.FullName, route.Method.FullName)
	}
	e.routes[route.Verb] = route
	e.allow = allow(e.routes)
	return nil
}

func (n *node) child(segment Segment) *node {
	if segment.Param != "" {
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	if n.literals[segment.Literal] == nil {
		n.literals[segment.Literal] = &node{}
	}
	return n.literals[segment.Literal]
}

func allow(routes map[string]*Route) string {
	verbs := []string{"OPTIONS"}
	for verb, route := range routes {
		verbs = append(verbs, verb)
		if verb == "GET" && route.Stream == nil {
			verbs = append(verbs, "HEAD")
		}
	}
	slices.Sort(verbs)
	return strings.Join(verbs, ", ")
}

// Match is what a router found.
type Match struct {
	verb string // the HTTP method asked for
	// Route is nil when there is no such path, or none with that HTTP method.
	Route *Route
	// Allow is the Allow header of the path; empty when there is no such path.
	Allow  string
	params [ParamLimit]string
	count  int
}

// Params are the decoded values of the path's parameters, in their order.
func (m *Match) Params() []string { return m.params[:m.count] }

// Match finds the route of an escaped path. HEAD finds the route of GET.
func (r *Router) Match(verb, escapedPath string) Match {
	m := Match{verb: verb}
	rest, found := strings.CutPrefix(escapedPath, "/")
	if !found {
		return m
	}
	e := r.root.find(rest, &m)
	if e == nil {
		return m
	}
	m.Allow = e.allow
	m.Route = e.route(verb)
	return m
}

// route answers what an HTTP method finds at the end of a path, or nil.
func (e *end) route(verb string) *Route {
	if route := e.routes[verb]; route != nil || verb != "HEAD" {
		return route
	}
	if route := e.routes["GET"]; route != nil && route.Stream == nil {
		return route
	}
	return nil
}

// find walks one segment on; m keeps the parameters of the way so far.
func (n *node) find(rest string, m *Match) *end {
	raw, after, more := strings.Cut(rest, "/")
	if !more {
		return n.finish(raw, m)
	}
	if literal := n.literals[raw]; literal != nil {
		if e := literal.find(after, m); e != nil {
			return e
		}
	}
	if n.param == nil || !m.push(raw) {
		return nil
	}
	if e := n.param.find(after, m); e != nil {
		return e
	}
	m.count--
	return nil
}

// finish takes the last segment.
func (n *node) finish(raw string, m *Match) *end {
	if colon := strings.LastIndexByte(raw, ':'); colon >= 0 {
		head, verb := raw[:colon], raw[colon+1:]
		if literal := n.literals[head]; literal != nil && literal.ends[verb] != nil {
			return literal.ends[verb]
		}
		if n.param != nil && verb != "" && n.param.ends[verb] != nil {
			if !m.push(head) {
				return nil
			}
			return n.param.ends[verb]
		}
		if n.param != nil && n.param.kind != "" && head != n.param.kind && isVerb(verb) {
			return nil // an id of a kind ends in a UUID, so this is a verb that the path does not have
		}
	}
	var literal *end
	if child := n.literals[raw]; child != nil {
		literal = child.ends[""]
	}
	param := n.param != nil && n.param.ends[""] != nil
	// POST /v1/bets/settle settles; GET reads the bet that somebody has called "settle".
	if literal != nil && (!param || literal.route(m.verb) != nil || n.param.ends[""].route(m.verb) == nil) {
		return literal
	}
	if !param || !m.push(raw) {
		return nil
	}
	return n.param.ends[""]
}

// push decodes the value of a parameter; an empty or undecodable one matches nothing.
func (m *Match) push(raw string) bool {
	value, err := url.PathUnescape(raw)
	if err != nil || value == "" || m.count == ParamLimit {
		return false
	}
	m.params[m.count] = value
	m.count++
	return true
}
