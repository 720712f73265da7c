package content

// Find returns the file at name in the files of a package, following symbolic
// links. ok is false if no such file, or if it is outside the package.
func Find(files Files, name string) (f *File, ok bool) {
	lookup := func(name string) (*File, bool) { found, ok := files[name]; return found, ok }
	target, err := resolve(lookup, ".", name)
	if err != nil {
		return nil, false
	}
	f, ok = files[target]
	return f, ok
}
