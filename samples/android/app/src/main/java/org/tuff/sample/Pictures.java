package org.tuff.sample;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.graphics.ImageDecoder;
import android.net.Uri;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/** Pictures of files, upright (ImageDecoder turns them as their EXIF data say) and not larger than a network has a use for. */
final class Pictures {
    private static final int LARGEST = 1024; // pixels of the longer side: several times what networks of pictures take
    private static final int FILE_BYTES = 64 << 20;

    private Pictures() { }

    static Bitmap read(ContentResolver resolver, Uri uri) throws IOException {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        try (InputStream in = resolver.openInputStream(uri)) {
            if (in == null) throw new FileNotFoundException("nothing is behind " + uri);
            byte[] part = new byte[1 << 16];
            for (int n; (n = in.read(part)) > 0;) {
                file.write(part, 0, n);
                if (file.size() > FILE_BYTES) throw new IOException("the file has more than " + (FILE_BYTES >> 20) + " MiB");
            }
        }
        return ImageDecoder.decodeBitmap(ImageDecoder.createSource(ByteBuffer.wrap(file.toByteArray())), (decoder, info, source) -> {
            int longer = Math.max(info.getSize().getWidth(), info.getSize().getHeight());
            if (longer > LARGEST) decoder.setTargetSampleSize((longer + LARGEST - 1) / LARGEST);
            decoder.setAllocator(ImageDecoder.ALLOCATOR_SOFTWARE); // pixels that can be read
        });
    }
}
