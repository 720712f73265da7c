package content

// Find returns the file that name leads to in the files of a package, after
// symbolic links. ok is false when it leads to nothing or out of the package.
func Find(files map[string]File, name string) (f File, ok bool) {
	lookup := func(name string) (File, bool) { found, ok := files[name]; return found, ok }
	target, err := resolve(lookup, ".", name)
	if err != nil {
		return File{}, false
	}
	f, ok = files[target]
	return f, ok
}
