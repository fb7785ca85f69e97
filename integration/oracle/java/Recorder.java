import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.elasticsearch.common.logging.LogConfigurator;

/**
 * Reads allocation cases, one JSON object a line, and writes each with what Elasticsearch's own allocators decide as
 * "expected". A case on which a computation does not end is reported on standard error and left out; any other that
 * can't be played ends the recording.
 */
public final class Recorder {
    public static void main(String[] args) throws Exception {
        if ("deterministic".equals(System.getProperty("hppc.bitmixer")) == false) {
            throw new IllegalStateException("run with -Dhppc.bitmixer=deterministic: the order of indices is random otherwise");
        }
        LogConfigurator.configureESLogging();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        int recorded = 0;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, Object> c = Json.read(line);
            try {
                out.println(Json.write(record(c)));
                recorded++;
            } catch (Play.Endless e) {
                System.err.println("recorder: " + c.get("case") + " left out: " + e.getMessage());
            } catch (RuntimeException e) {
                throw new IllegalArgumentException("case " + c.get("case"), e);
            }
        }
        out.flush();
        System.err.println("recorder: " + recorded + " cases");
    }

    private static Map<String, Object> record(Map<String, Object> c) throws Exception {
        World world = new World(c);
        check("node_order", c, world.nodeOrder());
        check("index_order", c, World.indexOrder(world.state));
        Map<String, Object> expected = new LinkedHashMap<>();
        expected.put("balanced", new Play(c, world, "balanced").run());
        expected.put("desired_balance", new Play(c, new World(c), "desired_balance").run());
        c.put("expected", expected);
        return c;
    }

    private static void check(String order, Map<String, Object> c, List<String> real) {
        if (real.equals(c.get(order)) == false) {
            throw new IllegalArgumentException(order + " is " + c.get(order) + ", but Elasticsearch iterates as " + real);
        }
    }
}
