//determinism:realtime for no reason at all // want `nothing in this file needs real time: remove the directive`

package realtime

func idle() int { return 1 }
