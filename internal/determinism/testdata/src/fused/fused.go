package fused

import (
	"fmt"
	"math"
	"time"
)

type point struct{ x, y float64 }

type weight float32

func add(x float64) float64 { return x + 1 }

func broken(x, y, z float64, w weight) float64 {
	r := x*y + z         // want `product x \* y isn't rounded: write float64\(x \* y\) \(fused-float: `
	r -= x * y           // want `product x \* y isn't rounded`
	r = z - (x * y)      // want `product x \* y isn't rounded`
	t := x * y           // want `product x \* y isn't rounded`
	r = t + -(x * z)     // want `product x \* z isn't rounded`
	t *= z + 1           // want `product isn't rounded: write t = float64\(t \* \(z \+ 1\)\)`
	p := point{x: x * y} // want `product x \* y isn't rounded`
	_ = w * w            // want `product w \* w isn't rounded: write weight\(w \* w\)`
	r += add(x * p.x)    // want `product x \* p.x isn't rounded`
	return x * y * z     // want `product x \* y \* z isn't rounded`
}

func generic[T float32 | float64](x, y, z T) T {
	return x*y + z // want `product x \* y isn't rounded: write T\(x \* y\)`
}

func kept(x, y, z float64, n int, d time.Duration) float64 {
	r := float64(x*y) + z
	r += 2*x + y*0.5
	r = math.Sqrt(x*y) + x*y/z
	if x*y > z && n*n+n > 1 {
		fmt.Println(x * y)
	}
	later := time.Duration(float64(d) * x)
	const tau = 2 * math.Pi * 1.0
	return float64(x*y*z) + tau + later.Seconds()
}
