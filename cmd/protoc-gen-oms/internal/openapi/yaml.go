package openapi

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// object is a YAML mapping that keeps the order in which it was filled: the same contract gives the same document.
type object struct{ node *yaml.Node }

func newObject() *object { return &object{&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

// set adds a member; it answers the object, so that small ones are written in one expression.
func (o *object) set(key string, value any) *object {
	o.node.Content = append(o.node.Content, scalar("!!str", key), toNode(value))
	return o
}

// describe adds a description unless it is empty.
func (o *object) describe(description string) *object {
	if description == "" {
		return o
	}
	return o.set("description", description)
}

func (o *object) has(key string) bool {
	for i := 0; i < len(o.node.Content); i += 2 {
		if o.node.Content[i].Value == key {
			return true
		}
	}
	return false
}

func (o *object) empty() bool { return len(o.node.Content) == 0 }

func toNode(value any) *yaml.Node {
	switch v := value.(type) {
	case *object:
		return v.node
	case *yaml.Node:
		return v
	case string:
		return text(v)
	case bool:
		return scalar("!!bool", strconv.FormatBool(v))
	case int:
		return scalar("!!int", strconv.Itoa(v))
	case int64:
		return scalar("!!int", strconv.FormatInt(v, 10))
	case uint64:
		return scalar("!!int", strconv.FormatUint(v, 10))
	case []string:
		return list(v, text)
	case []*object:
		return list(v, func(o *object) *yaml.Node { return o.node })
	default:
		panic(fmt.Sprintf("openapi: no YAML for %T", value))
	}
}

func list[T any](values []T, node func(T) *yaml.Node) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, v := range values {
		n.Content = append(n.Content, node(v))
	}
	if len(values) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func text(value string) *yaml.Node {
	n := scalar("!!str", value)
	if strings.Contains(value, "\n") {
		n.Style = yaml.LiteralStyle
	}
	return n
}

func (o *object) encode() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(o.node); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}
