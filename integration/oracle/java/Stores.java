import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.logging.log4j.LogManager;
import org.apache.lucene.util.Version;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.node.DiscoveryNode;
import org.elasticsearch.cluster.routing.IndexRoutingTable;
import org.elasticsearch.cluster.routing.IndexShardRoutingTable;
import org.elasticsearch.cluster.routing.ShardRouting;
import org.elasticsearch.cluster.routing.allocation.AllocateUnassignedDecision;
import org.elasticsearch.cluster.routing.allocation.FailedShard;
import org.elasticsearch.cluster.routing.allocation.RoutingAllocation;
import org.elasticsearch.gateway.AsyncShardFetch.FetchResult;
import org.elasticsearch.gateway.GatewayAllocator;
import org.elasticsearch.gateway.PrimaryShardAllocator;
import org.elasticsearch.gateway.ReplicaShardAllocator;
import org.elasticsearch.gateway.TransportNodesListGatewayStartedShards.NodeGatewayStartedShards;
import org.elasticsearch.index.shard.ShardId;
import org.elasticsearch.index.store.Store;
import org.elasticsearch.index.store.StoreFileMetadata;
import org.elasticsearch.indices.store.TransportNodesListShardStoreMetadata.NodeStoreFilesMetadata;
import org.elasticsearch.indices.store.TransportNodesListShardStoreMetadata.StoreFilesMetadata;

/** Elasticsearch's gateway allocator; only the answers of the nodes come from here: copies left on the disks of nodes that left. */
final class Stores extends GatewayAllocator {
    private record Leftover(String node, String allocationId, boolean primary) {}

    private static final StoreFilesMetadata FILES = new StoreFilesMetadata(
        new Store.MetadataSnapshot(Map.of("_0.cfs", new StoreFileMetadata("_0.cfs", 1, "1", Version.LATEST.toString())), Map.of(), 1), List.of());

    private final Map<ShardId, List<Leftover>> left = new HashMap<>();

    private final PrimaryShardAllocator primaries = new PrimaryShardAllocator() {
        @Override
        protected FetchResult<NodeGatewayStartedShards> fetchData(ShardRouting shard, RoutingAllocation allocation) {
            Map<DiscoveryNode, NodeGatewayStartedShards> answers = new HashMap<>();
            for (Leftover l : left.getOrDefault(shard.shardId(), List.of())) {
                DiscoveryNode node = allocation.nodes().get(l.node);
                if (node != null) {
                    answers.put(node, new NodeGatewayStartedShards(node, l.allocationId, l.primary));
                }
            }
            return new FetchResult<>(shard.shardId(), answers, allocation.getIgnoreNodes(shard.shardId()));
        }
    };

    private final ReplicaShardAllocator replicas = new ReplicaShardAllocator() {
        @Override
        protected FetchResult<NodeStoreFilesMetadata> fetchData(ShardRouting shard, RoutingAllocation allocation) {
            Map<DiscoveryNode, NodeStoreFilesMetadata> answers = new HashMap<>();
            ShardRouting primary = allocation.routingNodes().activePrimary(shard.shardId());
            if (primary != null) {
                DiscoveryNode node = allocation.nodes().get(primary.currentNodeId());
                answers.put(node, new NodeStoreFilesMetadata(node, FILES));
            }
            for (Leftover l : left.getOrDefault(shard.shardId(), List.of())) {
                DiscoveryNode node = allocation.nodes().get(l.node);
                if (node != null) {
                    answers.put(node, new NodeStoreFilesMetadata(node, FILES));
                }
            }
            return new FetchResult<>(shard.shardId(), answers, allocation.getIgnoreNodes(shard.shardId()));
        }

        @Override
        protected boolean hasInitiatedFetching(ShardRouting shard) {
            return true;
        }
    };

    /** Before a node leaves: its active copies stay on its disk. */
    void leave(ClusterState state, String node) {
        for (ShardRouting copy : state.getRoutingNodes().node(node)) {
            if (copy.active()) {
                List<Leftover> list = left.computeIfAbsent(copy.shardId(), s -> new ArrayList<>());
                list.removeIf(l -> l.node.equals(node));
                list.add(new Leftover(node, copy.allocationId().getId(), copy.primary()));
            }
        }
    }

    /** At the beginning of a round members drop what is of no use any more. */
    void drop(ClusterState state) {
        for (IndexRoutingTable index : state.routingTable()) {
            for (int i = 0; i < index.size(); i++) {
                IndexShardRoutingTable shard = index.shard(i);
                List<Leftover> list = left.get(shard.shardId());
                if (list != null) {
                    list.removeIf(l -> state.nodes().nodeExists(l.node) && (shard.allShards().allMatch(ShardRouting::active) || holds(shard, l.node)));
                }
            }
        }
    }

    private static boolean holds(IndexShardRoutingTable shard, String node) {
        return shard.allShards().anyMatch(c -> node.equals(c.currentNodeId()) || node.equals(c.relocatingNodeId()));
    }

    @Override
    public void beforeAllocation(RoutingAllocation allocation) {}

    @Override
    public void afterPrimariesBeforeReplicas(RoutingAllocation allocation, Predicate<ShardRouting> relevant) {
        if (allocation.routingNodes().hasInactiveReplicas()) {
            replicas.processExistingRecoveries(allocation, relevant);
        }
    }

    @Override
    public void allocateUnassigned(ShardRouting shard, RoutingAllocation allocation, UnassignedAllocationHandler handler) {
        innerAllocatedUnassigned(allocation, primaries, replicas, shard, handler);
    }

    @Override
    public AllocateUnassignedDecision explainUnassignedShardAllocation(ShardRouting shard, RoutingAllocation allocation) {
        return (shard.primary() ? primaries : replicas).makeAllocationDecision(shard, allocation, LogManager.getLogger(Stores.class));
    }

    @Override
    public void applyStartedShards(List<ShardRouting> started, RoutingAllocation allocation) {}

    @Override
    public void applyFailedShards(List<FailedShard> failed, RoutingAllocation allocation) {}

    @Override
    public void cleanCaches() {}
}
