package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// Sources are where a configuration comes from, besides the defaults.
type Sources struct {
	File     string   // path; empty: what FileVariable names, else none
	Environ  []string // as os.Environ
	Settings []string // key=value, the last one counts
}

// Load reads, decodes and validates a configuration. The error is an
// *InvalidError with all that is wrong.
func Load(s Sources) (Config, error) {
	f := serverForm()
	return load(f, s, f.readFile(s))
}

// load reads what is not in the file, which nil is none.
func load(f form, s Sources, file *layer) (Config, error) {
	base := newLayer(f)
	base.values = values(base.root, reflect.ValueOf(Default()))
	base.values["development"] = file == nil
	var cfg Config
	all, err := merge(f, f.layers(s, base, file), &cfg)
	if err != nil {
		return Config{}, err
	}
	cfg = cfg.resolved()
	all.add(cfg.check())
	return cfg, invalid(all.problems)
}

// merge lays the layers over each other, and decodes the result into cfg, a pointer. The
// layer that it returns has all their problems and places. If one could not be read at all, the
// error has their problems: what else seems wrong then may only be missing.
func merge(f form, layers []*layer, cfg any) (*layer, error) {
	k := koanf.New("\x00") // no path: keys of maps, such as addresses, have dots
	all := newLayer(f)
	for _, l := range layers {
		if err := k.Load(confmap.Provider(l.values, ""), nil); err != nil {
			return nil, fmt.Errorf("merge configuration: %w", err)
		}
		all.problems = append(all.problems, l.problems...)
		maps.Copy(all.places, l.places)
		all.unread = all.unread || l.unread
	}
	if all.unread {
		return nil, invalid(all.problems)
	}
	all.add(decode(k, cfg))
	return all, nil
}

// add adds problems with their places, but those of keys that have one already.
func (l *layer) add(problems []*Problem) {
	had := make(map[string]bool, len(l.problems))
	for _, p := range l.problems {
		had[listOf(p.Key)] = p.Key != ""
	}
	for _, p := range problems {
		if !had[p.Key] {
			p.Place = l.place(p.Key)
			l.problems = append(l.problems, p)
		}
	}
}

// listOf returns the key of the list that a key like udp.listen.1 is in, or the
// key itself.
func listOf(key string) string {
	dot := strings.LastIndexByte(key, '.')
	if dot < 0 || strings.Trim(key[dot+1:], "0123456789") != "" {
		return key
	}
	return key[:dot]
}

// place returns where the key, or what it is a part of, is said.
func (l *layer) place(key string) string {
	for key != "" {
		if place, ok := l.places[key]; ok {
			return place
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
	return ""
}

func decode(k *koanf.Koanf, cfg any) []*Problem {
	return problemsOf(k.UnmarshalWithConf("", cfg, koanf.UnmarshalConf{DecoderConfig: decoderConfig(cfg)}))
}

func decoderConfig(cfg any) *mapstructure.DecoderConfig {
	return &mapstructure.DecoderConfig{
		TagName:     tag,
		ErrorUnused: true,
		Result:      cfg,
		MatchName:   func(key, field string) bool { return key == field },
		DecodeHook:  mapstructure.ComposeDecodeHookFunc(durationHook, numberHook, listHook, wordHook),
	}
}

// problemsOf takes the error of the decoder apart: a tree, with one of each
// value at the leaves.
func problemsOf(err error) []*Problem {
	switch err := err.(type) { //nolint:errorlint // it is taken apart here, node by node
	case nil:
		return nil
	case *mapstructure.DecodeError:
		// Entries are written collect.servers[192.0.2.7].site.
		key := strings.NewReplacer("[", ".", "]", "").Replace(err.Name())
		return []*Problem{{Key: key, Text: err.Unwrap().Error()}}
	case interface{ Unwrap() []error }:
		var out []*Problem
		for _, err := range err.Unwrap() {
			out = append(out, problemsOf(err)...)
		}
		return out
	case interface{ Unwrap() error }:
		return problemsOf(err.Unwrap())
	}
	return []*Problem{{Text: err.Error()}}
}

// durationHook reads durations, and refuses numbers: they have no unit.
func durationHook(from, to reflect.Type, data any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() || from == to {
		return data, nil
	}
	if text, ok := data.(string); ok {
		return parseDuration(text)
	}
	return nil, fmt.Errorf("%v is no duration, it needs a unit as in 30s", data)
}

// numberHook lets 1e9 be a whole number, and refuses 1.5 as one.
func numberHook(_, to reflect.Type, data any) (any, error) {
	f, ok := data.(float64)
	if !ok || to.Kind() != reflect.Int && to.Kind() != reflect.Int64 {
		return data, nil
	}
	if f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return nil, fmt.Errorf("%v is not a whole number", data)
	}
	return int64(f), nil
}

// listHook makes a list of a text with commas.
func listHook(_, to reflect.Type, data any) (any, error) {
	text, ok := data.(string)
	if !ok || to.Kind() != reflect.Slice {
		return data, nil
	}
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list, nil
}

// wordHook reads what has a name for each of its values.
func wordHook(from, to reflect.Type, data any) (any, error) {
	v := reflect.New(to)
	word, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v)
	if !ok || from == to {
		return data, nil
	}
	text, ok := data.(string)
	if !ok {
		return nil, fmt.Errorf("%v is not a word", data)
	}
	if err := word.UnmarshalText([]byte(text)); err != nil {
		if to == reflect.TypeFor[slog.Level]() {
			return nil, fmt.Errorf("%q is none of debug, info, warn, error", text) // its own words are the library's
		}
		return nil, err
	}
	return v.Elem().Interface(), nil
}
