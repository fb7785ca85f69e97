import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.cluster.ClusterInfo;
import org.elasticsearch.cluster.ClusterModule;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.IndexMetadata;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.cluster.routing.ShardRouting;
import org.elasticsearch.cluster.routing.ShardRoutingRoleStrategy;
import org.elasticsearch.cluster.routing.allocation.AllocationService;
import org.elasticsearch.cluster.routing.allocation.RoutingAllocation;
import org.elasticsearch.cluster.routing.allocation.WriteLoadForecaster;
import org.elasticsearch.cluster.routing.allocation.allocator.BalancedShardsAllocator;
import org.elasticsearch.cluster.routing.allocation.allocator.DesiredBalance;
import org.elasticsearch.cluster.routing.allocation.allocator.DesiredBalanceComputer;
import org.elasticsearch.cluster.routing.allocation.allocator.DesiredBalanceInput;
import org.elasticsearch.cluster.routing.allocation.allocator.DesiredBalanceReconciler;
import org.elasticsearch.cluster.routing.allocation.allocator.ShardAssignment;
import org.elasticsearch.cluster.routing.allocation.decider.AllocationDeciders;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.shard.ShardId;
import org.elasticsearch.snapshots.SnapshotShardSizeInfo;
import org.elasticsearch.telemetry.metric.MeterRegistry;
import org.elasticsearch.threadpool.ThreadPool;

/** Plays the rounds of a case with one of Elasticsearch's two allocators and records what it decides. */
final class Play {
    private static final int FINAL_LIMIT = 400;
    /** After so many iterations, and ten more per copy, a computation is taken for endless: its clock stands still. */
    private static final int ENDLESS = 1000;

    /** A computation of the desired balance that does not end. */
    static final class Endless extends RuntimeException {
        Endless(int round) {
            super("the computation of round " + round + " does not end");
        }
    }

    private final Map<String, Object> c;
    private final World world;
    private final boolean desired;
    private final AllocationService service;
    private final Computer computer;
    private final DesiredBalanceReconciler reconciler;
    private ClusterInfo info = ClusterInfo.EMPTY;
    private DesiredBalance balance = DesiredBalance.INITIAL;
    private DesiredBalanceInput input;
    private Map<ShardId, ShardAssignment> before = Map.of();
    private List<String> nodeOrder;

    Play(Map<String, Object> c, World world, String allocator) {
        this.c = c;
        this.world = world;
        this.desired = allocator.equals("desired_balance");
        this.nodeOrder = world.nodeOrder();
        Settings.Builder builder = Settings.builder().put(ClusterModule.SHARDS_ALLOCATOR_TYPE_SETTING.getKey(), allocator);
        Json.map(c.get("settings")).forEach((k, v) -> builder.put(k, Json.text(v)));
        Settings settings = builder.build();
        ClusterSettings cluster = new ClusterSettings(settings, ClusterSettings.BUILT_IN_CLUSTER_SETTINGS);
        cluster.validate(settings, true);
        ThreadPool clock = new Clock();
        BalancedShardsAllocator balanced = new BalancedShardsAllocator(cluster, new Forecasts());
        AllocationDeciders deciders = new AllocationDeciders(ClusterModule.createAllocationDeciders(settings, cluster, List.of()));
        service = new AllocationService(deciders, world.stores, balanced, () -> info, () -> SnapshotShardSizeInfo.EMPTY,
            new Roles()) {
            @Override
            protected long currentNanoTime() {
                return world.nanos;
            }
        };
        computer = new Computer(cluster, clock, balanced);
        reconciler = new DesiredBalanceReconciler(cluster, clock, MeterRegistry.NOOP);
    }

    Map<String, Object> run() throws Exception {
        long last = 0;
        for (Object e : Json.list(c.get("events"))) {
            last = Math.max(last, Json.number(Json.map(e).get("round"), 0));
        }
        boolean converged = false;
        List<Object> rounds = new ArrayList<>();
        for (int n = 1; n <= Json.number(c.get("max_rounds"), 50) && converged == false; n++) {
            Map<String, Object> round = new LinkedHashMap<>();
            converged = round(n, round) && n >= last;
            rounds.add(round);
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("converged", converged);
        result.put("rounds", rounds);
        List<String> table = table(world.state);
        if (table.size() <= FINAL_LIMIT) {
            result.put("final", table);
        }
        return result;
    }

    /** Plays one round; true if it neither decided nor started anything. */
    private boolean round(int n, Map<String, Object> out) throws Exception {
        out.put("round", n);
        List<Object> after = new ArrayList<>();
        for (Object e : Json.list(c.get("events"))) {
            if (Json.number(Json.map(e).get("round"), 0) == n) {
                after.add(event(Json.map(e)));
            }
        }
        if (after.isEmpty() == false) {
            out.put("after_events", after);
        }
        List<String> order = world.nodeOrder();
        if (order.equals(nodeOrder) == false) {
            out.put("node_order", order);
            nodeOrder = order;
        }
        world.stores.drop(world.state);
        info = world.disks.info(world.state);
        List<List<Object>> decisions = new ArrayList<>();
        reroute(n, decisions, out);
        boolean started = start();
        int primaries = 0;
        int replicas = 0;
        for (ShardRouting copy : World.copies(world.state)) {
            primaries += copy.unassigned() && copy.primary() ? 1 : 0;
            replicas += copy.unassigned() && copy.primary() == false ? 1 : 0;
        }
        out.put("unassigned", List.of(primaries, replicas));
        out.put("digest", digest(table(world.state)));
        return decisions.isEmpty() && started == false;
    }

    private Map<String, Object> event(Map<String, Object> e) throws Exception {
        switch (Json.text(e.get("type"))) {
            case "advance_time" -> world.nanos += Json.number(e.get("millis"), 0) * 1_000_000;
            case "node_joined" -> world.join(Json.map(e.get("node")));
            default -> {
                return left(Json.text(e.get("node")));
            }
        }
        return Map.of();
    }

    private Map<String, Object> left(String node) {
        Map<String, ShardRouting> was = World.assigned(world.state);
        world.leave(node);
        world.state = service.disassociateDeadNodes(world.state, false, "node left");
        List<Object> promoted = new ArrayList<>();
        List<Object> lost = new ArrayList<>();
        for (ShardRouting copy : World.copies(world.state)) {
            if (copy.unassigned()) {
                if (node.equals(copy.unassignedInfo().lastAllocatedNodeId())) {
                    lost.add(row(copy, node, null, copy.unassignedInfo().reason().name(), copy.unassignedInfo().delayed()));
                }
            } else if (copy.primary()) {
                ShardRouting old = was.get(copy.shardId() + copy.allocationId().getId());
                if (old != null && old.primary() == false) {
                    promoted.add(row(copy, null, copy.currentNodeId(), "PROMOTED"));
                }
            }
        }
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("promoted", promoted);
        out.put("unassigned", lost);
        return out;
    }

    private void reroute(int n, List<List<Object>> decisions, Map<String, Object> out) {
        ClusterState old = world.state;
        if (desired == false) {
            world.state = service.reroute(old, "round", ActionListener.noop());
            decide(old, world.state, decisions);
            out.put("decisions", decisions);
            return;
        }
        world.state = service.executeWithRoutingAllocation(old, "round", allocation -> {
            input = DesiredBalanceInput.create(n, allocation);
            if (allocation.routingTable().indicesRouting().isEmpty() == false) {
                reconciler.reconcile(balance, allocation);
            }
        });
        decide(old, world.state, decisions);
        int eager = decisions.size();
        long iterations = computer.iterations();
        int limit = ENDLESS + 10 * World.copies(old).size();
        balance = computer.compute(balance, input, new LinkedList<>(), fresh -> {
            if (computer.turns++ > limit) {
                throw new Endless(n);
            }
            return true;
        });
        computer.turns = 0;
        ClusterState between = world.state;
        world.state = service.executeWithRoutingAllocation(between, "round", new AllocationService.RerouteStrategy() {
            @Override
            public void removeDelayMarkers(RoutingAllocation allocation) {}

            @Override
            public void execute(RoutingAllocation allocation) {
                reconciler.reconcile(balance, allocation);
            }
        });
        decide(between, world.state, decisions);
        decisions.sort(DECISIONS);
        out.put("decisions", decisions);
        out.put("eager_decisions", eager);
        out.put("iterations", computer.iterations() - iterations);
        out.put("desired", changed());
    }

    /** The assignments that changed in this round, if only in the order of their nodes. */
    private List<Object> changed() {
        List<Object> rows = new ArrayList<>();
        balance.assignments().entrySet().stream()
            .sorted(Comparator.comparing((Map.Entry<ShardId, ShardAssignment> e) -> e.getKey().getIndexName()).thenComparing(e -> e.getKey().id()))
            .forEach(e -> {
                ShardAssignment now = e.getValue();
                ShardAssignment was = before.get(e.getKey());
                if (now.equals(was) == false || List.copyOf(now.nodeIds()).equals(List.copyOf(was.nodeIds())) == false) {
                    rows.add(List.of(e.getKey().getIndexName(), e.getKey().id(), List.copyOf(now.nodeIds()), now.total(), now.unassigned(), now.ignored()));
                }
            });
        before = new HashMap<>(balance.assignments());
        return rows;
    }

    /** Adds the copies that got a node between two states. */
    private static void decide(ClusterState old, ClusterState now, List<List<Object>> out) {
        if (old == now) {
            return;
        }
        Map<String, ShardRouting> was = World.assigned(old);
        for (ShardRouting copy : World.copies(now)) {
            if (copy.unassigned()) {
                continue;
            }
            ShardRouting before = was.get(copy.shardId() + copy.allocationId().getId());
            boolean same = before != null && before.state() == copy.state();
            if (copy.initializing() && same == false) {
                out.add(row(copy, null, copy.currentNodeId(), "INITIALIZING"));
            } else if (copy.relocating() && same == false) {
                out.add(row(copy, copy.currentNodeId(), copy.relocatingNodeId(), "RELOCATING"));
            }
        }
        out.sort(DECISIONS);
    }

    private static final Comparator<List<Object>> DECISIONS = Comparator.comparing((List<Object> r) -> (String) r.get(0))
        .thenComparing(r -> (Integer) r.get(1))
        .thenComparing(r -> (String) r.get(2))
        .thenComparing(r -> r.get(3) == null ? "" : (String) r.get(3))
        .thenComparing(r -> (String) r.get(4));

    private static List<Object> row(ShardRouting copy, Object... rest) {
        List<Object> row = new ArrayList<>(List.of(copy.getIndexName(), copy.id(), copy.primary() ? "p" : "r"));
        row.addAll(Arrays.asList(rest));
        return row;
    }

    /** Starts every copy that initializes, in one batch. */
    private boolean start() {
        List<ShardRouting> batch = new ArrayList<>();
        for (ShardRouting copy : World.copies(world.state)) {
            if (copy.initializing()) {
                batch.add(copy);
            } else if (copy.relocating()) {
                batch.add(copy.getTargetRelocatingShard());
            }
        }
        batch.sort(World.ORDER);
        world.state = service.applyStartedShards(world.state, batch);
        batch.forEach(world.disks::started);
        return batch.isEmpty() == false;
    }

    private static List<String> table(ClusterState state) {
        List<String> lines = new ArrayList<>();
        for (ShardRouting copy : World.copies(state)) {
            lines.add(copy.getIndexName() + "/" + copy.id() + "/" + (copy.primary() ? "p" : "r") + "/" + copy.state() + "/"
                + dash(copy.currentNodeId()) + "/" + dash(copy.relocatingNodeId()));
        }
        lines.sort(Comparator.naturalOrder());
        return lines;
    }

    private static String dash(String id) {
        return id == null ? "-" : id;
    }

    private static String digest(List<String> lines) throws Exception {
        byte[] sum = MessageDigest.getInstance("SHA-256").digest(String.join("\n", lines).getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(sum, 0, 8);
    }

    /** The computer, whose count of iterations is only open to subclasses. */
    private static final class Computer extends DesiredBalanceComputer {
        int turns;

        Computer(ClusterSettings settings, ThreadPool clock, BalancedShardsAllocator delegate) {
            super(settings, clock, delegate);
        }

        long iterations() {
            return iterations.sum();
        }
    }

    /** The one role there is outside of serverless clusters. */
    private static final class Roles implements ShardRoutingRoleStrategy {
        @Override
        public ShardRouting.Role newReplicaRole() {
            return ShardRouting.Role.DEFAULT;
        }

        @Override
        public ShardRouting.Role newEmptyRole(int copy) {
            return ShardRouting.Role.DEFAULT;
        }
    }

    /** A clock that stands still. */
    private static final class Clock extends ThreadPool {
        @Override
        public long relativeTimeInMillis() {
            return 0;
        }
    }

    /** Forecasts as the case gives them, without asking for a licence. */
    private static final class Forecasts implements WriteLoadForecaster {
        @Override
        public Metadata.Builder withWriteLoadForecastForWriteIndex(String dataStream, Metadata.Builder metadata) {
            return metadata;
        }

        @Override
        public OptionalDouble getForecastedWriteLoad(IndexMetadata index) {
            return index.getForecastedWriteLoad();
        }

        @Override
        public void refreshLicense() {}
    }
}
