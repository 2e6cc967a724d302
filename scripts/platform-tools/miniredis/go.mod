// miniredis is a library: main.go is what makes a program of it.
module tollgate/platform-tools/miniredis

go 1.26.0

tool tollgate/platform-tools/miniredis

require github.com/alicebob/miniredis/v2 v2.39.0

require github.com/yuin/gopher-lua v1.1.1 // indirect
