package org.tuff;

/** What Tuff could not do, in its own sentence. */
public final class TuffException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final String status;

    /** Called by the native code. */
    TuffException(String status, String sentence) {
        super(sentence);
        this.status = status;
    }

    /** The name of the status, as "TUFF_ERR_NO_DEVICE". */
    public String status() { return status; }
    /** There is no Vulkan driver, or none of the wanted name. */
    public boolean noDevice() { return "TUFF_ERR_NO_DEVICE".equals(status); }
    /** A listener asked to stop. */
    public boolean cancelled() { return "TUFF_ERR_CANCELLED".equals(status); }
}
