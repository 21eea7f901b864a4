// Package shoveler is the shovel as those who run the field's shoveler know it: its configuration
// file, its variables, and the commands around it. What it does is in package shovel.
package shoveler
