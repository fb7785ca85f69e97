package divergence

// Lines is a source of lines, as a bufio.Scanner is one.
type Lines interface {
	Scan() bool
	Text() string
}

// Point is where two streams of lines part.
type Point struct {
	// Agree is how many lines are equal, Last the last of them.
	Agree int
	Last  string
	// Lines are the first that differ; "" where a stream had ended.
	Lines [2]string
	// Parted is false when the streams are equal to their ends.
	Parted bool
}

// Find reads two streams in step until they part.
func Find(a, b Lines) Point {
	var p Point
	for {
		moreA, moreB := a.Scan(), b.Scan()
		if !moreA && !moreB {
			return p
		}
		textA, textB := "", ""
		if moreA {
			textA = a.Text()
		}
		if moreB {
			textB = b.Text()
		}
		if moreA != moreB || textA != textB {
			p.Lines, p.Parted = [2]string{textA, textB}, true
			return p
		}
		p.Last = textA
		p.Agree++
	}
}
