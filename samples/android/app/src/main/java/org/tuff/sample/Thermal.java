package org.tuff.sample;

import android.content.Context;
import android.os.Build;
import android.os.PowerManager;

/**
 * Whether the phone is too hot to go on. PowerManager.getCurrentThermalStatus is of API 29, and the app is compiled with API 28 so that
 * the compiler refuses what phones of that level lack: hence the call by name.
 */
final class Thermal {
    static final int LIGHT = 1, SEVERE = 3; // PowerManager.THERMAL_STATUS_*
    private final PowerManager power;

    Thermal(Context context) { power = context.getSystemService(PowerManager.class); }

    /** Pauses at SEVERE, where the system throttles for all to feel, and goes on at LIGHT: a band, or both would follow each other. */
    boolean hot(boolean before) {
        int status = status();
        return status >= SEVERE || (before && status > LIGHT);
    }

    private int status() {
        if (Build.VERSION.SDK_INT < 29 || power == null) return 0;
        try {
            return (Integer)PowerManager.class.getMethod("getCurrentThermalStatus").invoke(power);
        } catch (ReflectiveOperationException | RuntimeException unknown) {
            return 0; // phones without the thermal service
        }
    }
}
