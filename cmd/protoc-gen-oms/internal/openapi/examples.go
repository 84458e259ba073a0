package openapi

import (
	_ "embed" // examples
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed examples.yaml
var examplesFile []byte

//go:embed provider.yaml
var providerExamples []byte

// example is what a method is shown with; either part may be absent.
type example struct {
	Request  yaml.Node `yaml:"request"`
	Response yaml.Node `yaml:"response"`
}

// readExamples reads a file of examples as plain nodes, without aliases and merges, by the names of the methods.
func readExamples(file []byte) (map[string]example, error) {
	examples := map[string]example{}
	if err := yaml.Unmarshal(file, &examples); err != nil {
		return nil, fmt.Errorf("read the examples: %w", err)
	}
	for name, e := range examples {
		examples[name] = example{Request: *resolve(&e.Request), Response: *resolve(&e.Response)}
	}
	return examples, nil
}

// resolve copies a node with its aliases replaced by what they stand for and its merges carried out.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return resolve(node.Alias)
	}
	c := &yaml.Node{Kind: node.Kind, Tag: node.Tag, Value: node.Value, Style: node.Style}
	if node.Kind != yaml.MappingNode {
		for _, child := range node.Content {
			c.Content = append(c.Content, resolve(child))
		}
		return c
	}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], resolve(node.Content[i+1])
		if key.Tag == "!!merge" {
			c.Content = append(c.Content, value.Content...)
			continue
		}
		put(c, resolve(key), value)
	}
	return c
}

// put sets a member of a mapping in its place, or at the end when it is new.
func put(mapping, key, value *yaml.Node) {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key.Value {
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, key, value)
}
