package settings

import (
	"encoding"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// Sources are where a configuration comes from, besides the defaults.
type Sources struct {
	File     string   // path; empty: what the variable with the form's prefix and CONFIG names, else none
	Environ  []string // as os.Environ
	Settings []string // key=value, the last one counts
}

// Load reads, decodes and checks a configuration of f. What check finds wrong with it is told
// with its place, but what is wrong with a key that has no value; it may fill in what follows
// from something else. The error is an *InvalidError with all that is wrong.
func Load[T any](f Form, s Sources, defaults T, check func(*T) []*Problem) (T, error) {
	return load(f, s, f.readFile(s), defaults, check)
}

// LoadText is Load with that text as the file, of which the places of problems have no name.
func LoadText[T any](f Form, s Sources, text []byte, defaults T, check func(*T) []*Problem) (T, error) {
	file := newLayer(f)
	file.read("", text)
	return load(f, s, file, defaults, check)
}

// load is Load with that file, nil for none.
func load[T any](f Form, s Sources, file *layer, defaults T, check func(*T) []*Problem) (cfg T, err error) {
	base := newLayer(f)
	base.values = values(base.root, reflect.ValueOf(defaults))
	all, err := merge(f, f.layers(s, base, file), &cfg)
	if err != nil {
		return cfg, err
	}
	all.add(check(&cfg))
	return cfg, Invalid(all.problems)
}

// merge lays the layers over each other, and decodes the result into cfg, a pointer. The
// layer that it returns has all their problems and places. If one could not be read at all, the
// error has their problems: what else seems wrong then may only be missing.
func merge(f Form, layers []*layer, cfg any) (*layer, error) {
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
		return nil, Invalid(all.problems)
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
		DecodeHook:  mapstructure.ComposeDecodeHookFunc(durationHook, numberHook, listHook, wordHook, quotedHook),
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
		return ParseDuration(text)
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

// quotedHook reads numbers and bools in quotes, as templates write them.
func quotedHook(_, to reflect.Type, data any) (any, error) {
	text, ok := data.(string)
	if !ok {
		return data, nil
	}
	switch to.Kind() { //nolint:exhaustive // what else there is has its own hook
	case reflect.Bool:
		v, err := strconv.ParseBool(text)
		return v, because(err, "%q is neither true nor false", text)
	case reflect.Int, reflect.Int64:
		v, err := strconv.ParseInt(text, 10, 64)
		return v, because(err, "%q is not a whole number", text)
	case reflect.Float64:
		v, err := strconv.ParseFloat(text, 64)
		return v, because(err, "%q is not a number", text)
	}
	return data, nil
}

// because returns an error in our words if there is one.
func because(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format, args...)
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
