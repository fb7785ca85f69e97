import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.elasticsearch.cluster.ClusterName;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.IndexMetadata;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.cluster.node.DiscoveryNode;
import org.elasticsearch.cluster.node.DiscoveryNodeRole;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.routing.IndexRoutingTable;
import org.elasticsearch.cluster.routing.RecoverySource;
import org.elasticsearch.cluster.routing.RoutingNode;
import org.elasticsearch.cluster.routing.RoutingTable;
import org.elasticsearch.cluster.routing.ShardRouting;
import org.elasticsearch.cluster.routing.UnassignedInfo;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.transport.TransportAddress;
import org.elasticsearch.index.Index;
import org.elasticsearch.index.IndexVersion;
import org.elasticsearch.index.shard.ShardId;

/** The cluster of a case: its state as Elasticsearch's own objects, its clock, disks and stores. */
final class World {
    private static final long START_MILLIS = 1_700_000_000_000L;

    final Disks disks = new Disks();
    final Stores stores = new Stores();
    long nanos = 1L << 60;
    private int port = 9300; // nodes may share a host
    ClusterState state;

    World(Map<String, Object> c) throws Exception {
        DiscoveryNodes.Builder nodes = DiscoveryNodes.builder();
        for (Object n : Json.list(c.get("nodes"))) {
            nodes.add(node(Json.map(n)));
        }
        Metadata.Builder metadata = Metadata.builder();
        RoutingTable.Builder table = RoutingTable.builder();
        for (Object i : Json.list(c.get("indices"))) {
            addIndex(Json.map(i), metadata, table);
        }
        ClusterState given = ClusterState.builder(ClusterName.DEFAULT).nodes(nodes).metadata(metadata).routingTable(table.build()).build();
        // As if the master had built the table: indices in the order of a map of their number, copies in that of their nodes.
        state = ClusterState.builder(given).routingTable(RoutingTable.of(given.mutableRoutingNodes())).build();
    }

    static List<String> indexOrder(ClusterState state) {
        List<String> order = new ArrayList<>();
        for (IndexRoutingTable index : state.routingTable()) {
            order.add(index.getIndex().getName());
        }
        return order;
    }

    List<String> nodeOrder() {
        List<String> order = new ArrayList<>();
        for (RoutingNode node : state.getRoutingNodes()) {
            order.add(node.nodeId());
        }
        return order;
    }

    /** Adds a member to the running cluster. */
    void join(Map<String, Object> n) throws Exception {
        state = ClusterState.builder(state).nodes(DiscoveryNodes.builder(state.nodes()).add(node(n))).build();
    }

    /** Removes a member; its copies are unassigned by whoever calls. */
    void leave(String id) {
        if (state.nodes().nodeExists(id) == false) {
            throw new IllegalArgumentException("node " + id + " leaves but is not a member");
        }
        if (state.nodes().getDataNodes().containsKey(id)) {
            stores.leave(state, id);
        }
        disks.leave(id);
        state = ClusterState.builder(state).nodes(DiscoveryNodes.builder(state.nodes()).remove(id)).build();
    }

    private DiscoveryNode node(Map<String, Object> n) throws Exception {
        String id = Json.text(n.get("id"));
        String host = Json.text(n.get("host"));
        Map<String, String> attributes = new TreeMap<>();
        Json.map(n.get("attributes")).forEach((k, v) -> attributes.put(k, Json.text(v)));
        Set<DiscoveryNodeRole> roles = new HashSet<>();
        Json.list(n.get("roles")).forEach(r -> roles.add(DiscoveryNodeRole.getRoleFromRoleName(Json.text(r))));
        disks.join(id, Json.map(n.get("disk")));
        TransportAddress address = new TransportAddress(InetAddress.getByName(host), port++);
        return new DiscoveryNode(Json.text(n.get("name")), id, id, host, host, address, attributes, roles, null);
    }

    private void addIndex(Map<String, Object> i, Metadata.Builder metadata, RoutingTable.Builder table) {
        Index index = new Index(Json.text(i.get("name")), Json.text(i.get("uuid")));
        Settings.Builder settings = Settings.builder();
        Json.map(i.get("settings")).forEach((k, v) -> settings.put(k, Json.text(v)));
        settings.put(IndexMetadata.SETTING_VERSION_CREATED, IndexVersion.current());
        settings.put(IndexMetadata.SETTING_INDEX_UUID, index.getUUID());
        settings.put(IndexMetadata.SETTING_CREATION_DATE, Json.number(i.get("creation_date"), 0));
        IndexMetadata.Builder meta = IndexMetadata.builder(index.getName()).settings(settings);
        if (i.get("forecasted_write_load") instanceof Number load) {
            meta.indexWriteLoadForecast(load.doubleValue());
        }
        if (i.get("forecasted_shard_size_bytes") instanceof Number size) {
            meta.shardSizeInBytesForecast(size.longValue());
        }
        IndexRoutingTable.Builder routing = IndexRoutingTable.builder(index);
        for (Object s : Json.list(i.get("shards"))) {
            Map<String, Object> shard = Json.map(s);
            ShardId id = new ShardId(index, (int) Json.number(shard.get("shard"), 0));
            Map<String, Object> sizes = Json.map(shard.get("size_bytes"));
            disks.size(id, true, sizes.get("primary"));
            disks.size(id, false, sizes.get("replica"));
            Set<String> inSync = new TreeSet<>();
            for (Object copy : Json.list(shard.get("copies"))) {
                ShardRouting routed = copy(id, Json.map(copy));
                routing.addShard(routed);
                if (routed.active()) {
                    inSync.add(routed.allocationId().getId());
                }
            }
            meta.putInSyncAllocationIds(id.id(), inSync);
        }
        metadata.put(meta.build(), false);
        table.add(routing);
    }

    private ShardRouting copy(ShardId id, Map<String, Object> c) {
        boolean primary = (Boolean) c.get("primary");
        RecoverySource source = primary ? RecoverySource.EmptyStoreRecoverySource.INSTANCE : RecoverySource.PeerRecoverySource.INSTANCE;
        ShardRouting copy = ShardRouting.newUnassigned(id, primary, source, info(Json.map(c.get("unassigned"))), ShardRouting.Role.DEFAULT);
        String state = Json.text(c.get("state"));
        if (state.equals("UNASSIGNED")) {
            return copy;
        }
        copy = copy.initialize(Json.text(c.get("node")), Json.text(c.get("allocation_id")), ShardRouting.UNAVAILABLE_EXPECTED_SHARD_SIZE);
        if (state.equals("INITIALIZING")) {
            return copy;
        }
        copy = copy.moveToStarted(ShardRouting.UNAVAILABLE_EXPECTED_SHARD_SIZE);
        if (state.equals("RELOCATING")) {
            return copy.relocate(Json.text(c.get("relocating_node")), ShardRouting.UNAVAILABLE_EXPECTED_SHARD_SIZE);
        }
        return copy;
    }

    private UnassignedInfo info(Map<String, Object> u) {
        UnassignedInfo.Reason reason = UnassignedInfo.Reason.valueOf((String) u.getOrDefault("reason", "INDEX_CREATED"));
        Set<String> failedNodes = new TreeSet<>();
        Json.list(u.get("failed_nodes")).forEach(n -> failedNodes.add(Json.text(n)));
        long age = Json.number(u.get("age_millis"), 0);
        boolean delayed = Boolean.TRUE.equals(u.get("delayed"));
        return new UnassignedInfo(reason, null, null, (int) Json.number(u.get("failed_allocations"), 0), nanos - age * 1_000_000,
            START_MILLIS - age, delayed, UnassignedInfo.AllocationStatus.NO_ATTEMPT, failedNodes, Json.text(u.get("last_node")));
    }

    /** All copies but the targets of relocations, sorted as results list them. */
    static List<ShardRouting> copies(ClusterState state) {
        List<ShardRouting> out = new ArrayList<>();
        for (IndexRoutingTable index : state.routingTable()) {
            index.allShards().flatMap(shard -> shard.allShards()).forEach(out::add);
        }
        out.sort(ORDER);
        return out;
    }

    static final Comparator<ShardRouting> ORDER = Comparator.comparing(ShardRouting::getIndexName)
        .thenComparing(ShardRouting::id)
        .thenComparing(s -> s.primary() == false)
        .thenComparing(s -> s.currentNodeId() == null ? "" : s.currentNodeId());

    /** The copies that have a node, by allocation id. */
    static Map<String, ShardRouting> assigned(ClusterState state) {
        Map<String, ShardRouting> out = new HashMap<>();
        for (ShardRouting copy : copies(state)) {
            if (copy.unassigned() == false) {
                out.put(copy.shardId() + copy.allocationId().getId(), copy);
            }
        }
        return out;
    }
}
