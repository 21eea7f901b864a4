// Package pages keeps the memory that counts as the process's own to what it needs.
package pages
