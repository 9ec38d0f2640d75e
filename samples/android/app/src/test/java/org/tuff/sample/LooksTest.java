package org.tuff.sample;

import android.Manifest;
import android.widget.RadioButton;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowApplication;

/** How it looks: in the dark, lying, with large letters. photograph() refuses what is cut off or too small to touch. */
@RunWith(RobolectricTestRunner.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = {29, 35})
public class LooksTest {
    private static void walk(String name) throws Exception {
        Shadow.<ShadowApplication>extract(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
        try (Screen screen = Screen.open()) {
            State opening = new State();
            opening.doing = "Preparing kernels";
            opening.done = 12;
            opening.total = 60;
            screen.activity().render(opening);
            screen.photograph(name + "-opening");
            screen.activity().render(screen.state());
            screen.touch(R.id.camera);
            screen.settle();
            screen.camera.frame(Screen.frame(Screen.thing(0, 1), 90));
            screen.camera.frame(Screen.frame(Screen.thing(0, 1), 90));
            screen.settle();
            screen.photograph(name + "-camera");
            screen.touch(R.id.tabTeach);
            screen.settle();
            screen.photograph(name + "-teach");
            if (screen.state().teachable) {
                ((RadioButton)screen.activity().findViewById(R.id.three)).setChecked(true);
                screen.touch(R.id.teachStart);
                screen.settle();
                screen.touch(R.id.teachCamera);
                screen.settle();
                screen.camera.frame(Screen.frame(Screen.thing(0, 1), 90));
                screen.settle();
                screen.photograph(name + "-collect");
            }
            screen.touch(R.id.tabReport);
            screen.settle();
            screen.photograph(name + "-report");
        }
    }

    @Config(qualifiers = "w360dp-h640dp-night-xhdpi")
    @Test public void dark() throws Exception { walk("dark"); }

    @Config(qualifiers = "w640dp-h360dp-land-xhdpi")
    @Test public void lying() throws Exception { walk("land"); }

    @Config(qualifiers = "w360dp-h640dp-xhdpi")
    @Test public void large() throws Exception {
        RuntimeEnvironment.setFontScale(2);
        walk("large");
    }

    @Config(qualifiers = "w320dp-h480dp-night-hdpi")
    @Test public void small() throws Exception {
        RuntimeEnvironment.setFontScale(1.5f);
        walk("small");
    }
}
