module github.com/extpack/extpack/examples/compiled

go 1.24
