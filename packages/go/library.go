package lumos

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

var embedded struct {
	sync.Mutex
	hash    string
	gzipped []byte
}

// Embed makes a library known that is part of the program: modules lib/<os>-<arch> call it when they are imported.
// hash is a name for its bytes.
func Embed(hash string, gzipped []byte) {
	embedded.Lock()
	defer embedded.Unlock()
	embedded.hash, embedded.gzipped = hash, gzipped
}

// LibraryPath is where the SQLite extension is: in the folder LUMOSDB_DIR, or unpacked once from an imported module into
// the user's cache folder. It errs if there is neither.
func LibraryPath() (string, error) {
	name := "lumos" + map[string]string{"windows": ".dll", "darwin": ".dylib"}[runtime.GOOS]
	if filepath.Ext(name) == "" {
		name += ".so"
	}
	if folder := os.Getenv("LUMOSDB_DIR"); folder != "" {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("lumos: LUMOSDB_DIR: %w", err)
		}
		return filepath.Abs(path)
	}
	embedded.Lock()
	defer embedded.Unlock()
	if embedded.gzipped == nil {
		return "", fmt.Errorf("lumos: no library; set LUMOSDB_DIR to the folder of %s, or import the module lib/%s-%s", name, runtime.GOOS, runtime.GOARCH)
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		var path string
		if path, err = unpack(filepath.Join(cache, "lumosdb", embedded.hash), name, embedded.gzipped); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("lumos: the library cannot be unpacked: %w; set LUMOSDB_DIR to a folder with %s", err, name)
}

// Unpacks under another name, then renames: a process that dies leaves no half of it, and two at once do no harm.
func unpack(folder, name string, gzipped []byte) (string, error) {
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	part, err := os.CreateTemp(folder, name+".*")
	if err != nil {
		return "", err
	}
	defer os.Remove(part.Name())
	reader, err := gzip.NewReader(bytes.NewReader(gzipped))
	if err == nil {
		_, err = io.Copy(part, reader)
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(part.Name(), path)
}
