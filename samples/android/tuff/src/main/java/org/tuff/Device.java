package org.tuff;

/** A device that Vulkan lists. */
public final class Device {
    public final String name, driver, kind;
    /** Bytes of device memory, of its largest heap. */
    public final long memory;

    /** Called by the native code. */
    Device(String name, String driver, String kind, long memory) {
        this.name = name;
        this.driver = driver;
        this.kind = kind;
        this.memory = memory;
    }

    @Override public String toString() { return name + " (" + driver + ")"; }
}
