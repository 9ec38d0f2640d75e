package org.tuff;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.Test;

public class TuffTest extends Fixture {
    @Test public void devicesAreListed() {
        assertTrue(Tuff.version(), Tuff.version().matches("\\d+\\.\\d+\\.\\d+"));
        List<Device> devices = Tuff.devices();
        assertFalse(devices.isEmpty());
        assertTrue(devices.get(0).memory > 0);
        try (Tuff tuff = onDevice()) {
            assertFalse(tuff.onProcessor());
            assertFalse(tuff.device().name.isEmpty());
            assertFalse(tuff.device().driver.isEmpty());
            assertTrue(tuff.device().kind, tuff.device().kind.matches("discrete|integrated|virtual|software|other"));
        }
    }

    @Test public void withoutDeviceThereIsTheProcessor() {
        Options options = options(Options.Processor.WITHOUT_DEVICE);
        options.device = "no such device \ud83d\udc31";
        try (Tuff tuff = Tuff.open(options)) {
            assertTrue(tuff.onProcessor());
            assertNull(tuff.device());
            assertTrue(tuff.selfTest(null).isEmpty());
            assertTrue(tuff.report(), tuff.report().contains("networks run on: the processor"));
            assertTrue(tuff.report(), tuff.report().contains("no such device \ud83d\udc31")); /* through UTF-8 and back */
        }
        options.processor = Options.Processor.NEVER;
        TuffException e = thrown(TuffException.class, () -> Tuff.open(options));
        assertTrue(e.noDevice());
        assertEquals("TUFF_ERR_NO_DEVICE", e.status());
        assertTrue(e.getMessage(), e.getMessage().contains("no such device \ud83d\udc31"));
        char[] many = new char[600];
        Arrays.fill(many, '\u9752');
        options.device = new String(many); /* longer than a sentence may be */
        assertTrue(thrown(TuffException.class, () -> Tuff.open(options)).getMessage().contains("\u9752\u9752"));
        options.device = "lone \ud83d half";
        assertTrue(thrown(TuffException.class, () -> Tuff.open(options)).getMessage().contains("lone \ufffd half"));
    }

    @Test public void submissionsAreCut() {
        Options options = options(Options.Processor.NEVER);
        int[] submissions = new int[2];
        for (int k = 0; k < 2; k++) {
            options.submissionMillis = k; /* 0: half a second */
            try (Tuff tuff = Tuff.open(options); Model model = Model.open(tuff, file("long"))) {
                assertEquals(0, model.submissions());
                model.run(new ByteBuffer[] {model.inputs().get(0).allocate(1)}, 1, ModelTest.outputs(model, 1));
                submissions[k] = model.submissions();
            }
        }
        assertTrue(Arrays.toString(submissions), submissions[0] > 0 && submissions[0] < submissions[1]);
        options.submissionMillis = -1;
        assertEquals("TUFF_ERR_USAGE", thrown(TuffException.class, () -> Tuff.open(options)).status());
    }

    @Test public void reportHasLines() {
        try (Tuff tuff = onDevice()) {
            for (String line : tuff.report().trim().split("\n")) assertTrue(line, line.matches("[^:]+: .*"));
            for (String name : new String[] {"Tuff", "device", "kind", "driver", "driver's version", "Vulkan", "memory", "subgroup", "16 bit storage"})
                assertTrue(name, ("\n" + tuff.report()).contains("\n" + name + ": "));
            assertTrue(tuff.report().contains("self-test: not run"));
        }
    }

    @Test public void selfTestTellsEachFamily() {
        try (Tuff tuff = onDevice()) {
            List<String> told = new ArrayList<>();
            List<String> lines = tuff.selfTest((what, done, total) -> told.add(what) && done <= total);
            assertTrue(lines.size() > 10);
            for (String line : lines) assertTrue(line, line.startsWith("ok "));
            assertTrue(told.size() >= lines.size());
            assertTrue(tuff.report(), tuff.report().contains("self-test: all right"));
        }
    }

    @Test public void listenersFindItBusy() {
        try (Tuff tuff = onDevice()) {
            assertEquals("Tuff is busy: it calls this listener", thrown(IllegalStateException.class, () -> tuff.selfTest((what, done, total) -> {
                tuff.close();
                return true;
            })).getMessage());
            thrown(IllegalStateException.class, () -> tuff.selfTest((what, done, total) -> tuff.report().isEmpty()));
            assertFalse(tuff.isClosed());
            assertTrue(tuff.report().contains("self-test: not run")); /* and free again */
        }
    }

    @Test public void progressEndsWork() {
        try (Tuff tuff = onDevice()) {
            assertTrue(thrown(TuffException.class, () -> tuff.selfTest((what, done, total) -> done < 2)).cancelled());
            RuntimeException own = new RuntimeException("of the listener");
            assertSame(own, thrown(RuntimeException.class, () -> tuff.selfTest((what, done, total) -> { throw own; })));
            assertTrue(tuff.report().contains("self-test: not run"));
        }
    }

    @Test public void closedIsSaid() throws Exception {
        Tuff tuff = onDevice();
        Model model = Model.open(tuff, file("plain"));
        tuff.close();
        tuff.close();
        assertTrue(tuff.isClosed());
        assertEquals("Tuff is closed", thrown(IllegalStateException.class, tuff::report).getMessage());
        thrown(IllegalStateException.class, () -> Model.open(tuff, file("plain")));
        assertNotNull(tuff.device()); /* is Java's own */
        model.prepare(null); /* what was made from it goes on */
        model.close();
    }

    @Test public void nothingLeaks() throws Exception {
        assertFlat(null, round -> onDevice().close());
    }
}
