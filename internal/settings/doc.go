// Package settings reads configurations: structs whose fields have keys, and whose values come,
// the later before the earlier, from
//
//	defaults < file < environment < settings of the command line
//
// With the prefix EXAMPLE_, the key http.listen is in a file (YAML, of which JSON is a part)
//
//	http:
//	  listen: 127.0.0.1:8080
//
// in the environment EXAMPLE_HTTP_LISTEN=127.0.0.1:8080, and on the command line
// http.listen=127.0.0.1:8080.
//
// Rules:
//
//   - JSON is read as YAML, of which it is a part but for the escapes \/ and \ud83d.
//   - Strict: a key that is not known is an error, as is a value of the wrong type.
//     Numbers and bools may be in quotes. A key without a value (null) is as if it were not there.
//   - All that is wrong is reported at once, each with its place and its key.
//   - Durations have a unit ("10m", "90d"), sizes are bytes.
//   - Lists are replaced as a whole; of maps, each entry's key by itself.
package settings
