package checkpoint

import (
	"net/url"
	"strings"
)

// A Kind says what a file has.
type Kind string

// The kinds. Counts are samples whose metric adds them up.
const (
	Samples   Kind = "samples"
	Counts    Kind = "counts"
	Transfers Kind = "transfers"
	Claims    Kind = "claims"
	Packets   Kind = "packets"
	Collector Kind = "collector"
	Ingest    Kind = "ingest"
)

const fileSuffix = ".avro"

// kindOf returns the kind of the file with the name, empty if it is none of ours.
func kindOf(name string) Kind {
	base, ok := strings.CutSuffix(name, fileSuffix)
	if !ok {
		return ""
	}
	word, _, _ := strings.Cut(base, "-")
	switch k := Kind(word); k {
	case Samples, Counts:
		return k
	case Transfers, Claims, Packets, Collector, Ingest:
		if word == base {
			return k
		}
	}
	return ""
}

// clusterOf returns the cluster that the name of a file tells.
func clusterOf(name string, kind Kind) escaped {
	text, _ := strings.CutPrefix(strings.TrimSuffix(name, fileSuffix), string(kind)+"-")
	var cluster escaped
	if kind == Samples || kind == Counts {
		_ = cluster.UnmarshalText([]byte(text)) // a name of ours can be undone, and of another there is no more to say
	}
	return cluster
}

// maxFileCluster is how much of a cluster's name is in that of a file, in bytes: file
// systems take 255.
const maxFileCluster = 100

// fileOf returns the name of the file of a kind, of samples for a cluster. What is
// not fit for a file name is escaped; too long ones are told apart by number.
func fileOf(kind Kind, cluster string, taken func(name string) bool) string {
	if cluster == "" {
		return string(kind) + fileSuffix
	}
	name := string(kind) + "-" + url.PathEscape(cluster)
	if len(name) > maxFileCluster {
		name = name[:maxFileCluster]
	}
	for taken(name + fileSuffix) {
		name += "+"
	}
	return name + fileSuffix
}
