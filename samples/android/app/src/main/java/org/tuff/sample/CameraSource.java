package org.tuff.sample;

import android.content.Context;
import android.graphics.ImageFormat;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.hardware.display.DisplayManager;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.HandlerThread;
import android.util.Size;
import android.view.Display;
import android.view.Surface;
import java.util.Collections;
import org.tuff.Frame;

/** The newest frames of a camera, by Camera2. All of it but start and stop runs on its own thread. */
final class CameraSource implements FrameSource {
    private static final int WANTED = 640 * 480; // pixels: networks take some 224 x 224
    private final Context context;
    private final boolean front;
    private final HandlerThread thread = new HandlerThread("camera");
    private Handler handler;
    private volatile Sink sink;
    private CameraDevice camera;
    private ImageReader reader;
    private Display display;
    private int sensorDegrees;
    private boolean facesUser, opening;

    CameraSource(Context context, boolean front) {
        this.context = context;
        this.front = front;
    }

    @Override public void start(Sink sink) {
        this.sink = sink;
        thread.start();
        handler = new Handler(thread.getLooper());
        handler.post(this::open);
    }

    @Override public void stop() {
        sink = null;
        handler.post(this::close); // behind the frame that the thread is at: its memory is the reader's
    }

    private void open() {
        try {
            CameraManager manager = context.getSystemService(CameraManager.class);
            display = context.getSystemService(DisplayManager.class).getDisplay(Display.DEFAULT_DISPLAY);
            String id = choose(manager);
            if (id == null) {
                lost(context.getString(R.string.no_camera));
                return;
            }
            CameraCharacteristics facts = manager.getCameraCharacteristics(id);
            Integer degrees = facts.get(CameraCharacteristics.SENSOR_ORIENTATION);
            sensorDegrees = degrees == null ? 0 : degrees;
            facesUser = facing(facts) == CameraCharacteristics.LENS_FACING_FRONT;
            Size size = size(facts.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP));
            reader = ImageReader.newInstance(size.getWidth(), size.getHeight(), ImageFormat.YUV_420_888, 2);
            reader.setOnImageAvailableListener(this::look, handler);
            opening = true;
            manager.openCamera(id, new CameraDevice.StateCallback() {
                @Override public void onOpened(CameraDevice device) {
                    opening = false;
                    camera = device;
                    if (sink != null) capture();
                    else close();
                }
                @Override public void onDisconnected(CameraDevice device) { end(device, context.getString(R.string.camera_taken)); }
                @Override public void onError(CameraDevice device, int error) { end(device, context.getString(R.string.camera_failed, error)); }
            }, handler);
        } catch (CameraAccessException | SecurityException | IllegalArgumentException failure) {
            opening = false;
            lost(context.getString(R.string.camera_refused, failure.getMessage()));
        }
    }

    private void capture() {
        try {
            CaptureRequest.Builder request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
            request.addTarget(reader.getSurface());
            request.set(CaptureRequest.CONTROL_AF_MODE, CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE);
            camera.createCaptureSession(Collections.singletonList(reader.getSurface()), new CameraCaptureSession.StateCallback() {
                @Override public void onConfigured(CameraCaptureSession session) {
                    try {
                        if (camera != null) session.setRepeatingRequest(request.build(), null, handler);
                    } catch (CameraAccessException | IllegalStateException failure) {
                        lost(context.getString(R.string.camera_refused, failure.getMessage()));
                    }
                }
                @Override public void onConfigureFailed(CameraCaptureSession session) {
                    lost(context.getString(R.string.camera_failed, 0));
                }
            }, handler);
        } catch (CameraAccessException | IllegalStateException | IllegalArgumentException failure) {
            lost(context.getString(R.string.camera_refused, failure.getMessage()));
        }
    }

    private void look(ImageReader from) {
        try (Image image = from.acquireLatestImage()) {
            Sink to = sink;
            if (image != null && to != null) to.frame(Frame.of(image, rotation(sensorDegrees, degrees(display.getRotation()), facesUser)));
        } catch (IllegalArgumentException unknown) {
            lost(context.getString(R.string.camera_frames, unknown.getMessage()));
        } catch (IllegalStateException closed) {
            // the reader was closed between the call and this: there is no frame
        }
    }

    private void end(CameraDevice device, String sentence) {
        opening = false;
        camera = device;
        if (sink == null) close();
        else lost(sentence); // stop() follows
    }

    /** The thread ends with the camera; one that opens still must be waited for, or nobody would close it. */
    private void close() {
        if (camera != null) camera.close();
        if (reader != null) reader.close();
        camera = null;
        reader = null;
        if (!opening) thread.quitSafely();
    }

    private void lost(String sentence) {
        Sink to = sink;
        if (to != null) to.lost(sentence);
    }

    private String choose(CameraManager manager) throws CameraAccessException {
        String any = null;
        for (String id : manager.getCameraIdList()) {
            int facing = facing(manager.getCameraCharacteristics(id));
            if (facing == (front ? CameraCharacteristics.LENS_FACING_FRONT : CameraCharacteristics.LENS_FACING_BACK)) return id;
            if (any == null) any = id;
        }
        return any;
    }

    private static int facing(CameraCharacteristics facts) {
        Integer facing = facts.get(CameraCharacteristics.LENS_FACING);
        return facing == null ? CameraCharacteristics.LENS_FACING_EXTERNAL : facing;
    }

    private static Size size(StreamConfigurationMap map) {
        Size best = new Size(640, 480);
        long least = Long.MAX_VALUE;
        Size[] sizes = map == null ? null : map.getOutputSizes(ImageFormat.YUV_420_888);
        if (sizes == null) return best;
        for (Size size : sizes) {
            long away = Math.abs((long)size.getWidth() * size.getHeight() - WANTED);
            if (away < least) best = size;
            least = Math.min(least, away);
        }
        return best;
    }

    /** By how many degrees clockwise a frame is turned to stand upright on the screen: CameraCharacteristics.SENSOR_ORIENTATION says so. */
    static int rotation(int sensorDegrees, int displayDegrees, boolean facesUser) {
        return Math.floorMod(facesUser ? sensorDegrees + displayDegrees : sensorDegrees - displayDegrees, 360);
    }

    private static int degrees(int rotation) {
        switch (rotation) {
        case Surface.ROTATION_90: return 90;
        case Surface.ROTATION_180: return 180;
        case Surface.ROTATION_270: return 270;
        default: return 0;
        }
    }
}
