package org.tuff.sample;

import org.tuff.Frame;

/** Where frames come from: the camera, or a test. */
interface FrameSource {
    interface Sink {
        /** On a thread of the source, one at a time; the frame is valid until this returns. Newer frames replace those that come meanwhile. */
        void frame(Frame frame);
        /** No frames will come, for the reason that the sentence gives. */
        void lost(String sentence);
    }

    /** On the main thread. */
    void start(Sink sink);
    /** On the main thread; returns at once. A frame that is being looked at stays valid. */
    void stop();
}
