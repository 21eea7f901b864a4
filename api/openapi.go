// Package api has the contracts of Tallystick with the world: the HTTP API and
// the schemas of its files. They are written by hand and come first; tests hold
// the code to them.
package api

import _ "embed"

// OpenAPI returns the contract of the HTTP API, OpenAPI 3.0.3 in YAML. Every
// operation has an x-role: the role that its caller needs, or none.
func OpenAPI() string { return openAPI }

//go:embed openapi.yaml
var openAPI string
