package realtime

func early() int { return 1 }

//determinism:realtime too late // want `directive inside the code: write it above`

//determinism:realtime // want `directive without a reason`

//determinism:ignore me // want `unknown directive //determinism:ignore`
