import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts one Elasticsearch node. The server's own command line is not published to Maven Central; this does what it
 * does after parsing, in the same order: logging, environment, modules, node, and a clean close on SIGTERM.
 * Settings are given as -Ename=value.
 */
public final class Launcher {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(System.getProperty("es.path.home"));
        Path config = home.resolve("config");
        Map<String, String> settings = new HashMap<>();
        settings.put("path.home", home.toString());
        for (String arg : args) {
            int equals = arg.indexOf('=');
            if (!arg.startsWith("-E") || equals < 0) {
                throw new IllegalArgumentException("expected -Ename=value, got " + arg);
            }
            settings.put(arg.substring(2, equals), arg.substring(equals + 1));
        }
        String name = settings.getOrDefault("node.name", "node");
        LogConfigurator.setNodeName(name);
        LogConfigurator.configureESLogging();
        Environment env = InternalSettingsPreparer.prepareEnvironment(Settings.EMPTY, settings, config, () -> name);
        LogConfigurator.configure(env, true);
        PluginsLoader plugins = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(env.modulesDir()),
            PluginsLoader.loadPluginsBundles(env.pluginsDir()),
            Map.of());
        Node node = new Node(env, plugins);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node), "close-node"));
        node.start();
        // Every thread of a node is a daemon: this one keeps the process alive until a signal ends it.
        Thread.currentThread().join();
    }

    private static void close(Node node) {
        try {
            node.prepareForClose();
            node.close();
            node.awaitClose(20, java.util.concurrent.TimeUnit.SECONDS);
        } catch (Exception e) {
            System.err.println("closing the node: " + e);
        }
    }
}
