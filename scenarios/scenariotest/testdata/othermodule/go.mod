module example.com/mine

go 1.26.0

require github.com/shardquake/shardquake v0.0.0

replace github.com/shardquake/shardquake => ../../../..
