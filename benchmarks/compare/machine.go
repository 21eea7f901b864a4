package main

import (
	"os"
	"strings"
)

// processor is the model of the first processor.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "a processor that does not say its name"
}

// kernel is the version of the kernel.
func kernel() string { return firstWords("/proc/sys/kernel/osrelease", 1) }

// loadavg is how many processes ran on the average of 1, 5 and 15 minutes.
func loadavg() string { return firstWords("/proc/loadavg", 3) }

func firstWords(file string, n int) string {
	text, _ := os.ReadFile(file)
	words := strings.Fields(string(text))
	return strings.Join(words[:min(n, len(words))], " ")
}
