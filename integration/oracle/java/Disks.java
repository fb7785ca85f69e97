import java.util.HashMap;
import java.util.Map;
import org.elasticsearch.cluster.ClusterInfo;
import org.elasticsearch.cluster.ClusterInfo.NodeAndShard;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.DiskUsage;
import org.elasticsearch.cluster.node.DiscoveryNode;
import org.elasticsearch.cluster.routing.IndexRoutingTable;
import org.elasticsearch.cluster.routing.ShardRouting;
import org.elasticsearch.index.shard.ShardId;

/** What the master would have polled: disk usage of every node, one path each, and shard sizes by role. */
final class Disks {
    private static final String PATH = "/data";

    private final Map<String, long[]> disks = new HashMap<>(); // node: total, free
    private final Map<String, Long> sizes = new HashMap<>();

    void join(String node, Map<String, Object> disk) {
        disks.remove(node);
        if (disk.isEmpty() == false) {
            disks.put(node, new long[] { Json.number(disk.get("total_bytes"), 0), Json.number(disk.get("free_bytes"), 0) });
        }
    }

    void leave(String node) {
        disks.remove(node);
    }

    void size(ShardId shard, boolean primary, Object bytes) {
        if (bytes != null) {
            sizes.put(ClusterInfo.shardIdentifierFromRouting(shard, primary), Json.number(bytes, 0));
        }
    }

    /** The copy started: its node loses its bytes, the source of a relocation gains them. */
    void started(ShardRouting copy) {
        Long size = sizes.get(ClusterInfo.shardIdentifierFromRouting(copy));
        if (size == null) {
            return;
        }
        free(copy.currentNodeId(), -size);
        if (copy.relocatingNodeId() != null) {
            free(copy.relocatingNodeId(), size);
        }
    }

    private void free(String node, long bytes) {
        long[] disk = disks.get(node);
        if (disk != null) {
            disk[1] = Math.max(0, Math.min(disk[0], disk[1] + bytes));
        }
    }

    ClusterInfo info(ClusterState state) {
        Map<String, DiskUsage> usage = new HashMap<>();
        for (DiscoveryNode node : state.nodes()) {
            long[] disk = disks.get(node.getId());
            if (disk != null) {
                usage.put(node.getId(), new DiskUsage(node.getId(), node.getName(), PATH, disk[0], disk[1]));
            }
        }
        Map<NodeAndShard, String> paths = new HashMap<>();
        for (IndexRoutingTable index : state.routingTable()) {
            index.allShards().flatMap(shard -> shard.allShards()).filter(ShardRouting::active)
                .forEach(copy -> paths.put(NodeAndShard.from(copy), PATH));
        }
        return new ClusterInfo(usage, usage, sizes, Map.of(), paths, Map.of());
    }
}
